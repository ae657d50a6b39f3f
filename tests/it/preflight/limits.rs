//! Limits that a download would break, those of validations themselves, and clients that go away.

use serde_json::{Value, json};

use super::{checked, codes, post, post_when_free, validate};
use crate::support::App;
use crate::support::client::{Request, http2};
use crate::support::origin::{Head, Origin, Route};

/// So many files of one source.
fn files(url: &str, count: usize) -> Value {
    let file = |index: usize| json!({ "url": url, "zipPath": index.to_string() });
    json!({ "files": (0..count).map(file).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_files_are_told_and_none_is_asked() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", Route::bytes("body"));
    let answer = validate(&app, &files(&url, 51)).await;
    assert_eq!(codes(&answer["errors"]), [("/files", "too_many_files")]);
    assert_eq!((&answer["fileCount"], &answer["results"]), (&json!(51), &json!([])));
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&Value::Null, &Value::Null));
    assert!(origin.requests().is_empty());
    let answer = validate(&app, &json!({ "files": [] })).await;
    assert_eq!((codes(&answer["errors"]), &answer["fileCount"]), (vec![("/files", "no_files")], &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_are_too_large_together_are_told() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.tiers.anonymous.archive_size.0 = 1_000_000).await;
    let url = origin.serve("/a", Route::pattern(1, 500_001));
    let huge = origin.serve("/huge", Route::pattern(1, 10).ignores_ranges().claims(u64::MAX - 2));
    for descriptor in [files(&url, 2), files(&huge, 3)] {
        let answer = validate(&app, &descriptor).await;
        assert_eq!(codes(&answer["errors"]), [("/files", "archive_too_large")]);
        let problem = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await.json();
        assert_eq!(
            (&problem["code"], &problem["detail"]),
            (&answer["errors"][0]["code"], &answer["errors"][0]["detail"])
        );
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result["error"].is_null()));
    }
    assert_eq!(validate(&app, &files(&url, 2)).await["totalSize"], 1_000_002);
    origin.serve("/a", Route::pattern(1, 500_000));
    assert_eq!(validate(&app, &files(&url, 2)).await["valid"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_takes_its_requests_along() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.server.max_validations = 1).await;
    let hung = origin.serve("/hung", Route::bytes("body").head(Head::Hung));
    let waiting = tokio::spawn(post(app.address(), files(&hung, 5).to_string()));
    origin.until("all are asked", |origin| origin.requests().len() == 5).await;
    // Its place is taken; those of archives are not.
    let refused = post(app.address(), files(&hung, 1).to_string()).await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("overloaded")));
    assert!(refused.header("retry-after").is_some());
    let url = origin.serve("/a", Route::bytes("body"));
    let archive = Request::post(app.address(), "/api/downloads").json(&files(&url, 2)).send().await;
    assert_eq!(archive.status, 200);
    waiting.abort();
    drop(waiting.await);
    origin.until("no request is left", |origin| origin.answering() == 0).await;
    assert_eq!(origin.requests_to("/hung").len(), 5, "nothing was asked again");
    let again = post_when_free(app.address(), files(&url, 2).to_string()).await;
    assert_eq!(checked(&again)["valid"], true);
}

/// Over HTTP/2 one stream goes away, and its connection stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_reset_takes_its_requests_along() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let hung = origin.serve("/hung", Route::bytes("body").head(Head::Hung));
    let mut connection = http2::Connection::open(app.address()).await;
    let request = |url: &str, count| files(url, count).to_string();
    let validation = connection.request("POST", "/api/validations", request(&hung, 5));
    tokio::select! {
        answer = connection.send(validation) => panic!("{answer:?}"),
        () = origin.until("all are asked", |origin| origin.answering() == 5) => {}
    }
    origin.until("no request is left", |origin| origin.answering() == 0).await;
    let url = origin.serve("/a", Route::bytes("body"));
    let validation = connection.request("POST", "/api/validations", request(&url, 2));
    assert_eq!(checked(&connection.send(validation).await)["valid"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_at_their_limit_do_not_keep_validations_out() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.server.max_archives = 1).await;
    let url = origin.serve("/a", Route::pattern(0, 30 << 20));
    let download = Request::post(app.address(), "/api/downloads").json(&files(&url, 1));
    let stalled = download.clone().receive_buffer(16 << 10).open().await;
    assert_eq!(download.send().await.status, 503);
    assert_eq!(validate(&app, &files(&url, 1)).await["valid"], true);
    drop(stalled);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_none_are_refused() {
    let app = App::start().await;
    let descriptor = json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] });
    let request = |method: &str| Request::new(method, app.address(), "/api/validations").json(&descriptor);
    assert_eq!(request("GET").send().await.status, 405);
    let xml = Request::post(app.address(), "/api/validations").header("Content-Type", "application/xml");
    assert_eq!(xml.body("<a/>").send().await.status, 415);
    let looped = request("POST").header("Via", "1.1 zipstream").send().await;
    assert_eq!((looped.status, &looped.json()["code"]), (400, &json!("forbidden_url")));
    let large = post(app.address(), vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((large.status, &large.json()["code"]), (413, &json!("body_too_large")));
    let kept = Request::post(app.address(), "/api/validations").body(descriptor.to_string());
    checked(&kept.http10().send().await);
}

//! Limits that a download would break, those of validations themselves, and clients that go away.

use std::time::{Duration, Instant};

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

/// One client does not take all places of the process with sources that keep it waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_validations_at_the_same_time() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.tiers.anonymous.concurrent_archives = 2;
        config.tiers.anonymous.validations_per_hour = 4;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let hung = files(&origin.serve("/hung", Route::bytes("body").head(Head::Hung)), 1).to_string();
    let waiting = [(); 2].map(|()| tokio::spawn(post(app.address(), hung.clone())));
    origin.until("both are under way", |origin| origin.answering() == 2).await;
    for _ in 0..4 {
        let refused = post(app.address(), hung.clone()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("rate_limited")));
        assert_eq!(refused.header("ratelimit-policy"), Some("\"concurrent-validations\";q=2"));
        assert!(refused.header("retry-after").is_some());
    }
    let url = origin.serve("/a", Route::bytes("body"));
    let other = Request::post(app.address(), "/api/validations").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(checked(&other.json(&files(&url, 1)).send().await)["valid"], true);
    let archive = Request::post(app.address(), "/api/downloads").json(&files(&url, 1)).send().await;
    assert_eq!(archive.status, 200, "archives have places of their own");
    for waiting in waiting {
        waiting.abort();
        drop(waiting.await);
    }
    let again = loop {
        let answer = post(app.address(), files(&url, 1).to_string()).await;
        if answer.status != 429 {
            break answer;
        }
    };
    assert_eq!(checked(&again)["valid"], true);
    assert_eq!(again.header("x-ratelimit-remaining"), Some("1"), "what was refused spent nothing");
}

/// More silent sources than are asked at once: one after another they would keep a validation for minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_validation_ends_in_its_time_whatever_its_sources_do() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.server.validation_timeout = Duration::from_secs(1);
        config.tiers.anonymous.files = 200;
    })
    .await;
    let hung = origin.serve("/hung", Route::bytes("body").head(Head::Hung));
    let url = origin.serve("/a", Route::bytes("body"));
    let mut descriptor = files(&hung, 150);
    descriptor["files"][0]["url"] = json!(url);
    let begun = Instant::now();
    let answer = validate(&app, &descriptor).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let results = answer["results"].as_array().unwrap();
    assert_eq!((&results[0]["accessible"], &results[0]["error"]), (&json!(true), &Value::Null));
    for result in &results[1..] {
        assert_eq!((&result["accessible"], &result["latencyMs"]), (&json!(false), &Value::Null));
        assert_eq!(result["error"]["code"], "source_timeout", "{result}");
    }
    origin.until("no request is left", |origin| origin.answering() == 0).await;
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

//! Archives in an hour: what is granted, what is refused, and what the headers say of it.

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::support::origin::{Origin, Route};

async fn app(archives_per_hour: u32) -> App {
    App::with(|config| config.tiers.anonymous.archives_per_hour = archives_per_hour).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_are_granted_and_the_eleventh_is_refused() {
    let app = app(10).await;
    for left in (0..10).rev() {
        let answer = post(&app).send().await;
        assert_granted(&answer);
        assert_eq!(number(&answer, "x-ratelimit-limit"), 10);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        let reset = number(&answer, "x-ratelimit-reset");
        assert!((1..=360).contains(&reset), "{reset}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"archives\";q=10;w=3600"));
        let expected = format!("\"archives\";r={left};t={reset}");
        assert_eq!(answer.header("ratelimit"), Some(expected.as_str()));
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = post(&app).send().await;
    assert_refused(&answer, 429, "rate_limited");
    let reset = number(&answer, "retry-after");
    assert!((1..=360).contains(&reset), "{reset}");
    assert_eq!(number(&answer, "x-ratelimit-reset"), reset);
    assert_eq!((number(&answer, "x-ratelimit-limit"), number(&answer, "x-ratelimit-remaining")), (10, 0));
    assert_eq!(answer.header("ratelimit-policy"), Some("\"archives\";q=10;w=3600"));
    assert_eq!(answer.header("ratelimit"), Some(format!("\"archives\";r=0;t={reset}").as_str()));
    assert!(answer.json()["detail"].as_str().unwrap().contains(&format!("one more in {reset} s")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_at_once_exactly_ten_are_granted() {
    let app = app(10).await;
    assert_eq!(granted((0..50).map(|_| post(&app))).await, 10);
    assert_eq!(granted([post(&app)]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_count_each() {
    let app = app(10).await;
    let mut connection = crate::support::client::http2::Connection::open(app.address()).await;
    let mut begun = Vec::new();
    for _ in 0..30 {
        let request = connection.request("POST", "/api/downloads", hello().to_string());
        begun.push(connection.open_stream(request).await.unwrap());
    }
    let answers = join_all(begun.into_iter().map(crate::support::client::http2::finish)).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_lawful_descriptor_spends_nothing() {
    let app = app(1).await;
    for (body, status) in [
        ("{".to_owned(), 400),
        (json!({ "files": [] }).to_string(), 400),
        (json!({ "files": [{ "url": "http://10.0.0.1/", "zipPath": "a" }] }).to_string(), 400),
        (" ".repeat(2 << 20), 413),
    ] {
        let answer = Request::post(app.address(), "/api/downloads").body(body).send().await;
        assert_eq!(answer.status, status);
    }
    let typed = Request::post(app.address(), "/api/downloads").header("Content-Type", "image/png");
    assert_eq!(typed.send().await.status, 415);
    assert_eq!(Request::get(app.address(), "/api/downloads").send().await.status, 405);
    assert_granted(&post(&app).send().await);
    assert_refused(&post(&app).send().await, 429, "rate_limited");
}

/// Whoever balances nodes asks the next one.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_for_which_there_is_no_room_spends_nothing() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.server.max_archives = 1;
        config.tiers.anonymous.archives_per_hour = 10;
    })
    .await;
    let url = origin.serve("/a", Route::pattern(0, 30 << 20));
    let large = json!({ "files": [{ "url": url, "zipPath": "a" }] });
    let request = Request::post(app.address(), "/api/downloads").json(&large);
    let running = request.receive_buffer(16 << 10).open().await;
    assert_eq!(running.status, 200);
    for _ in 0..12 {
        assert_refused(&post(&app).send().await, 503, "overloaded");
    }
    drop(running);
    let answer = loop {
        let answer = post(&app).send().await;
        if answer.status != 503 {
            break answer;
        }
    };
    assert_granted(&answer);
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_fails_has_been_spent_and_says_what_is_left() {
    let (origin, app) = (Origin::start().await, app(10).await);
    let gone = origin.serve("/gone", Route::status(404));
    let descriptor = json!({ "files": [{ "url": gone, "zipPath": "a" }] });
    for left in [9, 8] {
        let answer = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
        assert_refused(&answer, 502, "source_status");
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"archives\";q=10;w=3600"));
        assert_eq!(answer.header("retry-after"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_read_how_they_stand_and_send_a_key() {
    let app = app(10).await;
    let answer = post(&app).header("Origin", "https://a.example").send().await;
    let exposed = answer.header("access-control-expose-headers").unwrap().to_owned();
    for name in [
        "ratelimit",
        "ratelimit-policy",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
    ] {
        assert!(exposed.split(',').any(|one| one.trim() == name), "{name} in {exposed}");
    }
    // A browser does not take `*` for Authorization.
    let preflight = Request::new("OPTIONS", app.address(), "/api/downloads")
        .header("Origin", "https://a.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type");
    let answer = preflight.send().await;
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,content-type"));
}

//! Validations in an hour: a quota of its own, spent by whatever is answered as a validation.

use serde_json::json;

use super::{checked, post, post_when_free};
use crate::support::App;
use crate::support::client::{Answer, Request};
use crate::support::origin::{Head, Origin, Route};

/// An app whose clients may have so many validations an hour, and one archive.
async fn app(validations_per_hour: u32) -> App {
    App::with(|config| {
        config.tiers.anonymous.validations_per_hour = validations_per_hour;
        config.tiers.anonymous.archives_per_hour = 1;
        config.server.max_validations = 1;
    })
    .await
}

/// A descriptor of a single file.
fn file(url: &str) -> String {
    json!({ "files": [{ "url": url, "zipPath": "a" }] }).to_string()
}

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_the_tier_has_are_granted() {
    let app = app(2).await;
    for left in [1, 0] {
        let answer = post(app.address(), file(if left == 1 { "data:,a" } else { "ftp://a/" })).await;
        assert_eq!(checked(&answer)["valid"], left == 1);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"validations\";q=2;w=3600"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    let answer = post(app.address(), file("data:,a")).await;
    assert_refused(&answer, 429, "rate_limited");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    let archive = || Request::post(app.address(), "/api/downloads").body(file("data:,a")).send();
    assert_eq!((archive().await.status, archive().await.status), (200, 429), "archives are counted apart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_validation_spends_nothing() {
    let (origin, app) = (Origin::start().await, app(2).await);
    for body in ["{", "[]", r#"{"files":{}}"#] {
        assert_eq!(post(app.address(), body).await.status, 400);
    }
    let hung = origin.serve("/hung", Route::bytes("body").head(Head::Hung));
    let waiting = tokio::spawn(post(app.address(), file(&hung)));
    origin.until("one is under way", |origin| origin.answering() == 1).await;
    for _ in 0..3 {
        assert_refused(&post(app.address(), file("data:,a")).await, 503, "overloaded");
    }
    waiting.abort();
    origin.until("it is gone", |origin| origin.answering() == 0).await;
    let answer = post_when_free(app.address(), file("data:,a")).await;
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, Some("0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_without_any_asks_for_a_key() {
    let app = app(0).await;
    assert_refused(&post(app.address(), file("data:,a")).await, 401, "api_key_required");
}

//! API keys: their own tier and count, and no way around one that is refused.

use serde_json::json;

use super::*;

async fn app(anonymous: u32) -> App {
    App::with(|config| {
        config.tiers.anonymous.archives_per_hour = anonymous;
        config.tiers.named.insert("backup".into(), tier(3));
        config.keys = vec![key("nightly", "backup", "zs_nightly"), key("weekly", "backup", "zs_weekly")];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_its_own_tier_and_its_own_count() {
    let app = app(1).await;
    assert_eq!(granted((0..3).map(|_| post(&app))).await, 1);
    assert_eq!(granted((0..9).map(|_| post_with(&app, "zs_nightly"))).await, 3);
    assert_eq!(granted((0..9).map(|_| post_with(&app, "zs_weekly"))).await, 3);
    let answer = post_with(&app, "zs_weekly").send().await;
    assert_eq!(answer.header("ratelimit-policy"), Some("\"archives\";q=3;w=3600"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_limits_come_from_the_tier_too() {
    let app = App::with(|config| {
        config.tiers.anonymous.files = 1;
        config.tiers.anonymous.archive_size.0 = 4;
        config.tiers.named.insert("backup".into(), tier(10));
        config.keys = vec![key("nightly", "backup", "zs_nightly")];
    })
    .await;
    assert_refused(&post(&app).send().await, 413, "archive_too_large");
    assert_granted(&post_with(&app, "zs_nightly").send().await);
    let file = |name: &str| json!({ "url": "data:,a", "zipPath": name });
    let two = json!({ "files": [file("a"), file("b")] });
    let request = || Request::post(app.address(), "/api/downloads").json(&two);
    assert_refused(&request().send().await, 400, "too_many_files");
    assert_granted(&request().header("Authorization", "Bearer zs_nightly").send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_and_not_taken_for_anonymous() {
    let app = app(1).await;
    for header in [
        "Bearer zs_other",
        "Bearer zs_nightl",
        "Bearer zs_nightly2",
        "Bearer",
        "Bearer ",
        "Basic enM6eno=",
        "zs_nightly",
        "Bearer zs_nightly zs_weekly",
        "",
    ] {
        let answer = post(&app).header("Authorization", header).send().await;
        assert_refused(&answer, 401, "invalid_api_key");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{header}");
        let shown = format!("{:?} {}", answer.headers, answer.json());
        assert!(!shown.contains("zs_"), "{shown}");
    }
    assert_granted(&post(&app).header("Authorization", "bearer  zs_nightly").send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_archives_asks_for_a_key_before_anything_is_read() {
    let app = app(0).await;
    for body in [hello().to_string(), "{".to_owned()] {
        let answer = Request::post(app.address(), "/api/downloads").body(body).send().await;
        assert_refused(&answer, 401, "api_key_required");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_granted(&post_with(&app, "zs_nightly").send().await);
}

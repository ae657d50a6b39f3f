//! The connection comes and goes with the server, and nobody waits for long.

use std::time::Duration;

use serde_json::json;
use zipstream::value::Secret;

use crate::support::{
    App,
    client::{Answer, Request},
    redis::Redis,
};

async fn readiness(app: &App) -> (u16, String) {
    let answer = Request::get(app.address(), "/readyz").send().await;
    (answer.status, answer.json()["status"].as_str().unwrap().to_owned())
}

/// Asks until the answer is as expected: a connection is made again in the background.
async fn becomes(app: &App, status: &str) {
    for _ in 0..100 {
        if readiness(app).await == (200, status.to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", readiness(app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_of_a_lost_redis_and_of_its_return() {
    let mut redis = Redis::start().await;
    let app = App::with(|config| config.state.url = Some(Secret::new(redis.url()))).await;
    assert_eq!(readiness(&app).await, (200, "ready".into()));
    redis.kill();
    becomes(&app, "degraded").await;
    redis.revive().await;
    becomes(&app, "ready").await;
    redis.freeze();
    becomes(&app, "degraded").await;
    redis.thaw();
    becomes(&app, "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_while_its_redis_is_away() {
    let mut redis = Redis::start().await;
    redis.kill();
    let app = App::with(|config| config.state.url = Some(Secret::new(redis.url()))).await;
    becomes(&app, "degraded").await;
    redis.revive().await;
    becomes(&app, "ready").await;
}

/// Mints a link to an archive that needs no source.
async fn mint(app: &App) -> Answer {
    let descriptor = json!({ "files": [{ "url": "data:,hello", "zipPath": "hello.txt" }] });
    Request::post(app.address(), "/api/download-links").json(&descriptor).send().await
}

/// Connections are cut by whoever finds them idle; Redis is well, and no client needs to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_is_made_again_before_anybody_notices() {
    let redis = Redis::start().await;
    let app = App::with(|config| {
        config.state.url = Some(Secret::new(redis.url()));
        config.tiers.anonymous.archives_per_hour = 100;
    })
    .await;
    for left in (95..100).rev() {
        redis.ask("CLIENT KILL TYPE normal").await;
        let minted = mint(&app).await;
        // Counted by all nodes together, and not by this one alone.
        let counted = minted.header("x-ratelimit-remaining").map(str::to_owned);
        assert_eq!((minted.status, counted), (201, Some(left.to_string())));
        let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
        let status = format!("{path}/status");
        for (method, target, expected) in [
            ("GET", &status, 200),
            ("HEAD", &path, 200),
            ("GET", &path, 200),
            ("DELETE", &path, 204),
            ("GET", &status, 404),
        ] {
            redis.ask("CLIENT KILL TYPE normal").await;
            let answer = Request::new(method, app.address(), target).send().await;
            assert_eq!(answer.status, expected, "{method} {target}");
        }
        redis.ask("CLIENT KILL TYPE normal").await;
        assert_eq!(readiness(&app).await, (200, "ready".into()));
    }
}

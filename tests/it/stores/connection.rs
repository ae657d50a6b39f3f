//! The connection comes and goes with the server, and nobody waits for long.

use std::time::Duration;

use zipstream::value::Secret;

use crate::support::{App, client::Request, redis::Redis};

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

//! The guard against floods of requests, before anything else is looked at.

use super::*;

/// A service that takes so many requests at once from one address, and one more each second.
async fn app(rate: u32, burst: u32) -> App {
    App::with(|config| {
        config.server.flood_rate = rate;
        config.server.flood_burst = burst;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_burst_are_refused_whatever_they_are() {
    let app = app(1, 5).await;
    let wrong = || Request::post(app.address(), "/api/downloads").body("{");
    let answers = join_all((0..40).map(|_| wrong().send())).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    // More may come in while the test runs, one a second.
    assert!((20..=35).contains(&refused.len()), "{}", refused.len());
    for answer in refused {
        assert_refused(answer, 429, "rate_limited");
        let reset = number(answer, "retry-after");
        assert!(reset >= 1);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"requests\";q=5;w=5"));
        assert_eq!(answer.header("ratelimit"), Some(format!("\"requests\";r=0;t={reset}").as_str()));
        for (name, value) in [("limit", 5), ("remaining", 0), ("reset", reset)] {
            assert_eq!(number(answer, &format!("x-ratelimit-{name}")), value);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_told_apart_as_for_quotas() {
    let app = app(1, 5).await;
    let from = |forwarded: String| post_from(&app, &forwarded).send();
    let of_one = join_all((0..40).map(|last| from(format!("2001:db8:0:1::{last:x}")))).await;
    assert!(of_one.iter().filter(|answer| answer.status == 429).count() >= 20);
    let of_many = join_all((0..40).map(|network| from(format!("2001:db8:1:{network:x}::1")))).await;
    assert!(of_many.iter().all(|answer| answer.status == 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_preflights_are_not_charged() {
    let app = app(1, 1).await;
    let ask = async |method: &str, path: &str| {
        let request = Request::new(method, app.address(), path).header("Origin", "https://a.example");
        request.header("Access-Control-Request-Method", "POST").send().await.status
    };
    for _ in 0..20 {
        assert_eq!(ask("GET", "/healthz").await, 200);
        assert_eq!(ask("GET", "/readyz").await, 200);
        assert_eq!(ask("OPTIONS", "/api/downloads").await, 200);
    }
    assert_granted(&post(&app).send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_of_zero_lets_all_pass() {
    let app = app(0, 1).await;
    assert_eq!(granted((0..50).map(|_| post(&app))).await, 50);
}

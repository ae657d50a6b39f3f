//! Two nodes with one Redis count together; without it each counts by itself, and nobody is turned away for that.

use std::time::{Duration, Instant};

use zipstream::value::Secret;

use super::*;
use crate::support::redis::Redis;

/// A node that grants so many archives an hour.
async fn node(redis: &Redis, archives_per_hour: u32) -> App {
    App::with(|config| {
        config.state.url = Some(Secret::new(redis.url()));
        config.tiers.anonymous.archives_per_hour = archives_per_hour;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.tiers.named.insert("backup".into(), tier(archives_per_hour));
        config.keys = vec![key("nightly", "backup", "zs_nightly")];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_of_ten_are_granted_over_both_and_the_eleventh_is_refused() {
    let redis = Redis::start().await;
    let nodes = [node(&redis, 10).await, node(&redis, 10).await];
    for left in (0..10).rev() {
        let answer = post(&nodes[left as usize % 2]).send().await;
        assert_granted(&answer);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        assert!((1..=360).contains(&number(&answer, "x-ratelimit-reset")));
    }
    for node in &nodes {
        let answer = post(node).send().await;
        assert_refused(&answer, 429, "rate_limited");
        assert!((300..=360).contains(&number(&answer, "retry-after")), "{:?}", answer.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_over_both_is_counted_exactly() {
    let redis = Redis::start().await;
    let nodes = [node(&redis, 10).await, node(&redis, 10).await];
    assert_eq!(granted((0..60).map(|index| post(&nodes[index % 2]))).await, 10);
    assert_eq!(granted((0..60).map(|index| post_with(&nodes[index % 2], "zs_nightly"))).await, 10);
    assert_eq!(granted((0..60).map(|index| post_from(&nodes[index % 2], "203.0.113.1"))).await, 10);
}

/// Asks until what a node says is left is as expected.
async fn becomes(app: &App, expected: impl Fn(u64) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = post(app).send().await;
        assert_granted(&answer);
        let left = number(&answer, "x-ratelimit-remaining");
        if expected(left) {
            return;
        }
        assert!(Instant::now() < end, "{left} left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_node_counts_by_itself() {
    let mut redis = Redis::start().await;
    let nodes = [node(&redis, 10).await, node(&redis, 10).await];
    assert_eq!(granted((0..20).map(|_| post(&nodes[0]))).await, 10);
    redis.kill();
    for node in &nodes {
        assert_eq!(granted((0..30).map(|_| post(node))).await, 10);
    }
    redis.revive().await;
    // It comes back empty. What was asked of a node before it knew was refused by its own count.
    let end = Instant::now() + Duration::from_secs(20);
    let mut total = 0;
    while total < 10 && Instant::now() < end {
        total += granted(nodes.iter().map(post)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(total, 10);
    assert_eq!(granted((0..20).map(|index| post(&nodes[index % 2]))).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_holds_only_the_first_up() {
    let redis = Redis::start().await;
    let app = node(&redis, 1000).await;
    becomes(&app, |left| left == 999).await;
    redis.freeze();
    assert_granted(&post(&app).send().await);
    // Only one request in a while waits to see whether it is back.
    let begun = Instant::now();
    for _ in 0..20 {
        assert_granted(&post(&app).send().await);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    redis.thaw();
    // One unit came back every 3.6 s, and what the frozen Redis was asked it may count late.
    becomes(&app, |left| left < 999 && left > 900).await;
    let other = node(&redis, 1000).await;
    becomes(&other, |left| left < 999).await;
}

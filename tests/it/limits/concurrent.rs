//! Archives at the same time: a place is kept as long as the archive runs, and not a moment longer.

use std::net::IpAddr;

use serde_json::json;
use zipstream::limits::{self, Limits};

use super::*;
use crate::support::client::{Reading, http2};
use crate::support::origin::{Head, Origin, Route};

/// A service in which each client may have two archives at the same time.
async fn app() -> App {
    App::with(|config| {
        config.tiers.anonymous.concurrent_archives = 2;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// A descriptor of one source.
fn of(url: &str) -> serde_json::Value {
    json!({ "files": [{ "url": url, "zipPath": "a" }] })
}

/// Begins an archive that its client does not read.
async fn begin(app: &App, url: &str) -> Reading {
    let request = Request::post(app.address(), "/api/downloads").json(&of(url));
    let reading = request.receive_buffer(16 << 10).open().await;
    assert_eq!(reading.status, 200);
    reading
}

/// Asks until a place is free: the server hears of a client that left a moment later.
async fn becomes_free(app: &App) {
    for _ in 0..200 {
        if post(app).send().await.status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_granted(&post(app).send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_archive_keeps_its_place_and_a_dropped_one_gives_it_back() {
    let (origin, app) = (Origin::start().await, app().await);
    let url = origin.serve("/a", Route::pattern(0, 30 << 20));
    let (first, second) = (begin(&app, &url).await, begin(&app, &url).await);
    for _ in 0..3 {
        let answer = post(&app).send().await;
        assert_refused(&answer, 429, "too_many_archives");
        assert!(number(&answer, "retry-after") > 0);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"concurrent-archives\";q=2"));
        assert_eq!((number(&answer, "x-ratelimit-limit"), number(&answer, "x-ratelimit-remaining")), (2, 0));
    }
    assert_granted(&post_from(&app, "203.0.113.1").send().await);
    drop(first);
    becomes_free(&app).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_archive_spends_nothing() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.tiers.anonymous.concurrent_archives = 1;
        config.tiers.anonymous.archives_per_hour = 2;
    })
    .await;
    let running = begin(&app, &origin.serve("/a", Route::pattern(0, 30 << 20))).await;
    for _ in 0..5 {
        assert_refused(&post(&app).send().await, 429, "too_many_archives");
    }
    drop(running);
    becomes_free(&app).await;
    assert_refused(&post(&app).send().await, 429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_count_each() {
    let (origin, app) = (Origin::start().await, app().await);
    let url = origin.serve("/a", Route::pattern(0, 30 << 20));
    let mut connection = http2::Connection::open(app.address()).await;
    let mut begun = Vec::new();
    for _ in 0..2 {
        let request = connection.request("POST", "/api/downloads", of(&url).to_string());
        begun.push(connection.open_stream(request).await.unwrap());
    }
    assert!(begun.iter().all(|answer| answer.status() == 200));
    let request = connection.request("POST", "/api/downloads", of(&url).to_string());
    assert_refused(&connection.send(request).await, 429, "too_many_archives");
    // Resets the stream; the connection goes on.
    begun.pop();
    becomes_free(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_gives_its_place_back() {
    let (origin, app) = (Origin::start().await, app().await);
    let url = origin.serve("/a", Route::pattern(0, 1000).head(Head::Hung));
    let waiting = |_| tokio::spawn(Request::post(app.address(), "/api/downloads").json(&of(&url)).send());
    let waiting: Vec<_> = (0..2).map(waiting).collect();
    origin.until("both were asked for", |origin| origin.requests().len() >= 2).await;
    assert_refused(&post(&app).send().await, 429, "too_many_archives");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    becomes_free(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_archives_give_their_places_back() {
    let (origin, app) = (Origin::start().await, app().await);
    let url = origin.serve("/a", Route::status(404));
    for _ in 0..5 {
        let answer = Request::post(app.address(), "/api/downloads").json(&of(&url)).send().await;
        assert_refused(&answer, 502, "source_status");
    }
}

/// Limits of their own, without a service.
fn limits() -> (Limits, limits::Client) {
    let anonymous = Tier { concurrent_archives: 2, ..tier(10) };
    let limits = Limits::new(limits::Config { anonymous, keys: Vec::new(), tiers: Default::default() }, None);
    let client = limits.identify(None, IpAddr::from([203, 0, 113, 1])).unwrap();
    (limits, client)
}

#[test]
fn requests_for_one_link_share_a_place() {
    let (limits, client) = limits();
    let mut shared: Vec<_> = (0..5).map(|_| limits.admit_link(&client, "first").unwrap()).collect();
    let single = limits.admit(&client).unwrap();
    assert!(limits.admit(&client).is_err());
    assert!(limits.admit_link(&client, "second").is_err());
    shared.push(limits.admit_link(&client, "first").unwrap());
    while shared.len() > 1 {
        shared.pop();
        assert!(limits.admit(&client).is_err(), "{} still run", shared.len());
    }
    shared.pop();
    let second = limits.admit_link(&client, "second").unwrap();
    assert!(limits.admit_link(&client, "first").is_err());
    drop((single, second));
    assert_eq!(limits.busy_clients(), 0);
}

#[test]
fn a_client_that_made_a_link_is_restored_with_its_places() {
    let (limits, client) = limits();
    let permits = (limits.admit(&client).unwrap(), limits.admit(&client).unwrap());
    let restored = limits.restore(&client.id, &client.tier_name);
    assert!(limits.admit_link(&restored, "link").is_err());
    assert_eq!(restored.tier.archives_per_hour, 10);
    let of_a_lost_tier = limits.restore("key:gone", "gone");
    assert_eq!((of_a_lost_tier.tier_name.as_str(), of_a_lost_tier.tier.files), ("anonymous", 50));
    drop(permits);
    assert!(limits.admit_link(&restored, "link").is_ok());
}

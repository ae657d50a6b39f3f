//! The numbers: what each way for an archive to end adds to them, and where they are served.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Numbers, Process, tool};
use crate::support::client::{Connection, Request};
use crate::support::origin::{Gate, Origin, Route};

/// The archives of an outcome.
fn archives(numbers: &Numbers, outcome: &str, code: &str) -> f64 {
    numbers.sum("zipstream_archives_total", &[("outcome", outcome), ("code", code)])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_sent_is_counted() {
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let url = origin.serve("/a", Route::pattern(1, 300_000));
    let before = service.numbers().await;
    let descriptor = json!({ "files": [
        { "url": url, "zipPath": "a" },
        { "url": "data:,hello", "zipPath": "b", "compression": "DEFLATE" },
        { "zipPath": "c/" },
    ]});
    let answer = service.post(&descriptor).send().await;
    assert!(answer.status == 200 && answer.is_whole());
    let after = service.numbers_when(|numbers| archives(numbers, "sent", "none") == 1.0).await;
    let added = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    assert_eq!(added("zipstream_archives_total", &[]), 1.0);
    assert_eq!(added("zipstream_sent_bytes_total", &[]), answer.body.len() as f64);
    assert_eq!(added("zipstream_source_bytes_total", &[]), 300_000.0);
    assert_eq!(added("zipstream_entries_total", &[("method", "store")]), 2.0);
    assert_eq!(added("zipstream_entries_total", &[("method", "deflate")]), 1.0);
    assert_eq!(added("zipstream_sources_total", &[]), 1.0);
    assert_eq!(added("zipstream_sources_total", &[("outcome", "read")]), 1.0);
    assert_eq!(added("zipstream_source_requests_total", &[("outcome", "answered")]), 1.0);
    assert_eq!(added("zipstream_source_first_byte_seconds_count", &[]), 1.0);
    assert_eq!(added("zipstream_archive_first_byte_seconds_count", &[]), 1.0);
    assert_eq!(added("zipstream_archive_duration_seconds_count", &[("outcome", "sent")]), 1.0);
    let route = [("route", "/api/downloads"), ("method", "POST"), ("status", "2xx")];
    assert_eq!(added("zipstream_http_requests_total", &route), 1.0);
    assert_eq!(added("zipstream_http_request_duration_seconds_count", &route[..2]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_failed_is_counted_with_its_fault() {
    let (origin, service) = (Origin::start().await, Process::start(&[("ZIPSTREAM__FETCH__ATTEMPTS", "2")]));
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).cut(2 << 20));
    let answer = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] })).send().await;
    assert!(answer.status == 200 && !answer.is_whole());
    let after = service.numbers_when(|numbers| archives(numbers, "failed", "source_truncated") == 1.0).await;
    assert_eq!(after.sum("zipstream_archives_total", &[("fault", "source")]), 1.0);
    assert_eq!(after.sum("zipstream_archives_total", &[]), 1.0);
    assert_eq!(after.sum("zipstream_sources_total", &[("outcome", "truncated")]), 1.0);
    assert_eq!(after.sum("zipstream_sources_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_its_reader_left_is_counted_and_gauges_tell_while_it_is_open() {
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let gate = Gate::closed();
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let mut reading = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] })).open().await;
    reading.take(65_536).await;
    let open = service.numbers().await;
    assert_eq!(open.sum("zipstream_open_archives", &[]), 1.0);
    assert_eq!(open.sum("zipstream_open_archives_limit", &[]), 1000.0);
    assert_eq!(open.sum("zipstream_connections", &[]), 2.0, "the download's and that of the question");
    assert_eq!(open.sum("zipstream_connections_limit", &[]), 4000.0);
    assert_eq!(open.sum("zipstream_held_bytes_limit", &[]), f64::from(64 << 20));
    drop(reading);
    let after = service.numbers_when(|numbers| archives(numbers, "left", "none") == 1.0).await;
    assert_eq!(after.sum("zipstream_archives_total", &[]), 1.0);
    let closed = service.numbers_when(|numbers| numbers.sum("zipstream_open_archives", &[]) == 0.0).await;
    assert_eq!(closed.sum("zipstream_held_bytes", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_refused_is_counted_with_its_code() {
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let missing = origin.serve("/missing", Route::status(404));
    let secret = origin.url("/secret-in-a-path?token=secret");
    for (url, status) in [(missing.as_str(), 502), ("http://10.0.0.1/secret", 400), (secret.as_str(), 502)] {
        let answer = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] })).send().await;
        assert_eq!(answer.status, status, "{url}");
    }
    let after = service.numbers_when(|numbers| archives(numbers, "refused", "source_status") == 2.0).await;
    assert_eq!(after.sum("zipstream_archives_total", &[]), 2.0, "a bad descriptor is no archive");
    assert_eq!(after.sum("zipstream_sources_total", &[("outcome", "status")]), 2.0);
    assert_eq!(after.sum("zipstream_source_requests_total", &[("outcome", "status")]), 2.0);
    assert_eq!(after.sum("zipstream_egress_refusals_total", &[("reason", "address")]), 1.0);
    assert_eq!(after.sum("zipstream_egress_refusals_total", &[]), 1.0);
    assert_eq!(after.sum("zipstream_problems_total", &[("code", "forbidden_url")]), 1.0);
    assert_eq!(after.sum("zipstream_problems_total", &[("code", "source_status")]), 2.0);
    let route = [("route", "/api/downloads"), ("status", "5xx")];
    assert_eq!(after.sum("zipstream_http_requests_total", &route), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_left_out_is_counted_and_told() {
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let url = origin.serve("/a", Route::pattern(1, 1000));
    let files = json!([{ "url": url, "zipPath": "a" }, { "url": origin.url("/missing"), "zipPath": "b" }]);
    let answer = service.post(&json!({ "onSourceError": "skip", "files": files })).send().await;
    assert_eq!((answer.header("x-zipstream-skipped"), answer.is_whole()), (Some("1"), true));
    let after = service.numbers_when(|numbers| archives(numbers, "sent", "none") == 1.0).await;
    assert_eq!(after.sum("zipstream_sources_total", &[("outcome", "skipped")]), 1.0);
    assert_eq!(after.sum("zipstream_sources_total", &[("outcome", "read")]), 1.0);
    assert_eq!(after.sum("zipstream_sources_total", &[]), 2.0);
    let log = service.end();
    let sent: Vec<_> = log.lines().filter(|line| line.contains("archive sent")).collect();
    assert!(matches!(sent[..], [line] if line.contains("\"skipped\":1")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_refused_clients_are_counted_by_the_names_of_the_configuration() {
    let hash = hex::encode(Sha256::digest("a-key-that-nobody-guesses-anywhere"));
    let service = Process::start(&[
        ("ZIPSTREAM__KEYS", &format!("nightly:anonymous:{hash}")),
        ("ZIPSTREAM__TIERS__ANONYMOUS__ARCHIVES_PER_HOUR", "1"),
    ]);
    let refusals = [("quota", "archives"), ("tier", "anonymous")];
    let before = service.numbers().await;
    assert!(before.names().any(|name| name == "zipstream_key_uses_total"), "it stands at zero");
    let descriptor = json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] });
    let keyed =
        || service.post(&descriptor).header("Authorization", "Bearer a-key-that-nobody-guesses-anywhere");
    assert_eq!(keyed().send().await.status, 200);
    assert_eq!(keyed().send().await.status, 429);
    assert_eq!(service.post(&descriptor).send().await.status, 200);
    let after = service.numbers().await;
    assert_eq!(after.sum("zipstream_key_uses_total", &[("key", "nightly")]), 2.0);
    assert_eq!(after.sum("zipstream_key_uses_total", &[]), 2.0);
    assert_eq!(after.sum("zipstream_quota_refusals_total", &refusals), 1.0);
    assert_eq!(after.sum("zipstream_quota_refusals_total", &[]), 1.0);
    assert_eq!(after.sum("zipstream_problems_total", &[("code", "rate_limited")]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_counted_without_their_tokens() {
    let service = Process::start(&[]);
    let descriptor = json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] });
    let link = Request::post(service.address, "/api/download-links").json(&descriptor).send().await;
    assert_eq!(link.status, 201);
    let (path, token) = (link.json()["downloadUrl"].clone(), link.json()["token"].clone());
    let (path, token) = (path.as_str().unwrap(), token.as_str().unwrap());
    for (method, status) in [("GET", 200), ("HEAD", 200), ("DELETE", 204), ("GET", 404)] {
        assert_eq!(Request::new(method, service.address, path).send().await.status, status, "{method}");
    }
    let numbers = service.numbers_when(|numbers| archives(numbers, "sent", "none") == 1.0).await;
    let requests = |action, outcome| {
        numbers.sum("zipstream_link_requests_total", &[("action", action), ("outcome", outcome)])
    };
    assert_eq!((requests("mint", "done"), requests("remove", "done")), (1.0, 1.0));
    assert_eq!((requests("find", "done"), requests("find", "not_found")), (2.0, 1.0));
    let route = [("route", "/api/downloads/{token}"), ("status", "2xx")];
    assert_eq!(numbers.sum("zipstream_http_requests_total", &route), 3.0);
    assert!(!numbers.label_values().iter().any(|value| value.contains(token)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_left_before_its_answer_is_counted() {
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let url = origin.serve("/a", Route::pattern(1, 1000).hang(0));
    let request = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] }));
    let mut connection = Connection::open(service.address).await;
    connection.send(&request.bytes()).await;
    origin.until("it is asked", |origin| !origin.requests_to("/a").is_empty()).await;
    drop(connection);
    let route = [("route", "/api/downloads"), ("method", "POST"), ("status", "left")];
    let left = |numbers: &Numbers| numbers.sum("zipstream_http_requests_total", &route) == 1.0;
    let numbers = service.numbers_when(left).await;
    assert_eq!(numbers.sum("zipstream_http_request_duration_seconds_count", &route[..2]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_makes_labels() {
    let service = Process::start(&[]);
    let odd = "/secret/of/a/client?token=secret";
    for method in ["GET", "SECRET", "BREW"] {
        Request::new(method, service.address, odd).send().await;
    }
    let post = Request::post(service.address, "/api/downloads").header("X-Request-Id", "secret").body("{}");
    assert_eq!(post.send().await.status, 400);
    let numbers = service.numbers().await;
    let none = [("route", "none"), ("status", "4xx")];
    assert_eq!(numbers.sum("zipstream_http_requests_total", &none), 3.0);
    assert_eq!(numbers.sum("zipstream_http_requests_total", &[("method", "other")]), 2.0);
    let values = numbers.label_values();
    assert!(!values.iter().any(|value| value.to_lowercase().contains("secret")), "{values:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_series_says_what_it_is_and_promtool_accepts_them() {
    let service = Process::start(&[]);
    service.post(&json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] })).send().await;
    let text = String::from_utf8(service.get("/metrics").await.body).unwrap();
    let numbers = Numbers::read(&text);
    assert_eq!(numbers.undescribed(), Vec::<&str>::new());
    assert!(numbers.sum("process_start_time_seconds", &[]) > 1.7e9);
    assert!((1e6..1e9).contains(&numbers.sum("process_resident_memory_bytes", &[])));
    assert!((5.0..1000.0).contains(&numbers.sum("process_open_fds", &[])));
    assert_eq!(numbers.sum("zipstream_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    let judge =
        tool("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut judge = judge.expect("promtool is there: scripts/check installs it");
    judge.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let judged = judge.wait_with_output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_listener_takes_the_numbers_away_from_the_other_until_the_very_end() {
    let origin = Origin::start().await;
    let mut service = Process::start(&[("ZIPSTREAM__METRICS__LISTEN", "127.0.0.1:0")]);
    let metrics = service.metrics_address();
    let answer = service.get("/metrics").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")));
    let ask = || Request::get(metrics, "/metrics").header("Connection", "close").send();
    let answer = ask().await;
    assert_eq!(
        (answer.status, answer.header("content-type").unwrap()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(Request::get(metrics, "/api/downloads").send().await.status, 404);
    // It is the service's own address too: no source.
    let own = json!({ "files": [{ "url": format!("http://{metrics}/metrics"), "zipPath": "a" }] });
    assert_eq!(service.post(&own).send().await.json()["code"], "forbidden_url");

    let gate = Gate::closed();
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let mut reading = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] })).open().await;
    reading.take(65_536).await;
    let ended = tokio::task::spawn_blocking(move || service.end());
    let numbers = Numbers::read(&String::from_utf8(ask().await.body).unwrap());
    assert_eq!(numbers.sum("zipstream_open_archives", &[]), 1.0);
    gate.open();
    assert!(reading.finish().await.is_whole());
    ended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_can_be_turned_off() {
    let service = Process::start(&[("ZIPSTREAM__METRICS__ENABLED", "false")]);
    assert_eq!(service.get("/metrics").await.status, 404);
    assert_eq!(service.get("/healthz").await.status, 200);
    // Probes go on where they were.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let environment =
        [("ZIPSTREAM__METRICS__ENABLED", "false"), ("ZIPSTREAM__METRICS__LISTEN", &free.to_string())];
    let _service = Process::start(&environment);
    assert_eq!(Request::get(free, "/metrics").send().await.status, 404);
    assert_eq!(Request::get(free, "/healthz").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_counted() {
    let environment =
        [("ZIPSTREAM__SERVER__MAX_CONNECTIONS", "2"), ("ZIPSTREAM__METRICS__LISTEN", "127.0.0.1:0")];
    let mut service = Process::start(&environment);
    let operators = service.metrics_address();
    let held = (Connection::open(service.address).await, Connection::open(service.address).await);
    // Both are taken in order, before the third.
    let refused = service.get("/healthz").await;
    assert_eq!(refused.status, 503);
    // Busy is not dead, as whoever keeps the process is told on a port of its own.
    for path in ["/healthz", "/readyz"] {
        let answer = Request::get(operators, path).header("Connection", "close").send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
    }
    let mut healthcheck = Command::new(env!("CARGO_BIN_EXE_zipstream"));
    let listen = [service.address, operators].map(|address| address.to_string());
    healthcheck.args(["healthcheck", "--listen", &listen[0]]).env_clear();
    assert_eq!(healthcheck.output().unwrap().status.code(), Some(1));
    healthcheck.env("ZIPSTREAM__METRICS__LISTEN", &listen[1]);
    assert_eq!(healthcheck.output().unwrap().status.code(), Some(0));
    drop(held);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while service.get("/healthz").await.status != 200 {
        assert!(std::time::Instant::now() < end, "no connection is free again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let numbers = Request::get(operators, "/metrics").send().await.body;
    let numbers = Numbers::read(&String::from_utf8(numbers).unwrap());
    assert!(numbers.sum("zipstream_connections_total", &[("outcome", "refused")]) >= 1.0);
}

#[test]
fn a_listener_that_cannot_be_had_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, code) in [("nowhere", 64), (taken.as_str(), 1)] {
        let output = Command::new(env!("CARGO_BIN_EXE_zipstream"))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .env("ZIPSTREAM__METRICS__LISTEN", listen)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{listen}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("metrics.listen"), "{output:?}");
    }
}

//! The cases of the category `client`: slow, vanishing, idle and impatient clients, and their siblings.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::case::{Outcome, Tally, body, cases};
use super::problems::checked;
use super::{World, contents};
use crate::support::client::{Connection, Request, http2};
use crate::support::origin::{Origin, Route, pattern};

/// Reads the case that describes a kind of client.
fn case(client: &str) -> Value {
    let found = cases("client").into_iter().filter(|case| case["client"] == client).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{client}");
    found.into_iter().next().unwrap()
}

/// A descriptor of so many files behind one path.
fn many(files: usize) -> Value {
    let file = |index: usize| json!({ "url": "http://src.example.net/a.txt", "zipPath": index.to_string() });
    json!({ "files": (0..files).map(file).collect::<Vec<_>>() })
}

/// Waits until no source is being read, and says how long that took.
async fn until_quiet(origin: &Origin) -> Duration {
    let begun = Instant::now();
    origin.until("no source is read", |origin| origin.answering() == 0).await;
    begun.elapsed()
}

#[test]
fn every_kind_of_client_is_played() {
    let mut kinds: Vec<String> =
        cases("client").iter().map(|case| case["client"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["abort_early", "idle_flood", "pipeline", "slow_body", "slow_read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_body() {
    let origin = Origin::start().await;
    let case = case("slow_body");
    for framing in ["length", "chunked"] {
        let world = World::with(origin.address(), |config| {
            config.server.body_timeout = Duration::from_millis(400);
        })
        .await;
        let request = Request::post(world.app.address(), "/api/downloads");
        let bytes = match framing {
            "length" => request.body(body(&case)).bytes(),
            _ => request.header("Transfer-Encoding", "chunked").header("Content-Length", "").bytes(),
        };
        let bytes = match framing {
            "length" => bytes,
            _ => {
                let head = String::from_utf8(bytes).unwrap().replace("Content-Length: \r\n", "");
                let chunks: String =
                    body(&case).iter().map(|byte| format!("1\r\n{}\r\n", char::from(*byte))).collect();
                (head + &chunks).into_bytes()
            }
        };
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut connection = Connection::open(world.app.address()).await;
        let begun = Instant::now();
        connection.send(&bytes[..head]).await;
        // Each octet comes well within any clock that starts anew with it.
        connection.send_slowly(&bytes[head..head + 12], 1, Duration::from_millis(50)).await;
        let (answer, _) = timeout(Duration::from_secs(5), connection.answer("POST")).await.unwrap();
        let mut tally = Tally::default();
        tally.judge(&case, &Outcome { code: None, ..Outcome::of(&answer) });
        tally.finish(&[]);
        assert_eq!((answer.status, &checked(&answer)["code"]), (408, &json!("body_timeout")), "{framing}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{framing}: {:?}", begun.elapsed());
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_read() {
    let origin = Origin::builder().send_buffer(64 << 10).start().await;
    origin.serve("/a.txt", Route::pattern(1, 256 << 20));
    // A minute of stall and 1 KiB/s, both scaled by thirty: no less than that is progress.
    let world = World::with(origin.address(), |config| {
        config.server.write_stall_timeout = Duration::from_secs(2);
    })
    .await;
    let case = case("slow_read");
    let request = Request::post(world.app.address(), "/api/downloads").body(body(&case)).rate(32 << 10);
    let mut reading = request.open().await;
    assert_eq!(reading.status, 200);
    let begun = Instant::now();
    let mut taken = 0;
    while begun.elapsed() < Duration::from_secs(5) {
        taken += reading.next(64 << 10).await.expect("the reader is slow, and no more").len();
    }
    assert!(taken > 64 << 10, "{taken}");
    assert!(origin.sent() < 32 << 20, "{} octets for a reader of {taken}", origin.sent());
    assert!(world.app.held() <= 17 << 20, "{}", world.app.held());
    // One that takes nothing at all loses the connection, and the source with it.
    let quiet = {
        sleep(Duration::from_secs(4)).await;
        until_quiet(&origin).await
    };
    assert!(quiet < Duration::from_millis(500), "{quiet:?}");
    assert!(!reading.finish().await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_slow_reader_keeps_its_connection() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, 8 << 20));
    let world = World::start(origin.address()).await;
    let request =
        Request::post(world.app.address(), "/api/downloads").body(body(&case("slow_read"))).rate(1 << 10);
    let mut reading = request.open().await;
    let begun = reading.take(4 << 10).await;
    assert_eq!((reading.status, begun.len(), reading.ended()), (200, 4 << 10, None));
    assert!(origin.sent() < 8 << 20 || world.app.held() <= 17 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_early() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, 30 << 20));
    let world = World::start(origin.address()).await;
    for descriptor in [case("abort_early")["body"].clone(), many(50)] {
        let request = Request::post(world.app.address(), "/api/downloads").json(&descriptor);
        let mut reading = request.open().await;
        assert_eq!(reading.take(64 << 10).await.len(), 64 << 10);
        assert!(origin.answering() > 0);
        drop(reading);
        let quiet = until_quiet(&origin).await;
        assert!(quiet < Duration::from_secs(1), "sources were read for {quiet:?}");
        assert_eq!(world.app.held(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_early_over_http2() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, 30 << 20));
    let world = World::start(origin.address()).await;
    let mut connection = http2::Connection::open(world.app.address()).await;
    let request = connection.request("POST", "/api/downloads", many(20).to_string());
    let response = connection.open_stream(request).await.unwrap();
    assert_eq!(response.status(), 200);
    origin.until("sources are read", |origin| origin.answering() > 0).await;
    // The stream is reset, the connection stays.
    drop(response);
    let quiet = until_quiet(&origin).await;
    assert!(quiet < Duration::from_secs(1), "sources were read for {quiet:?}");
    assert_eq!(world.app.held(), 0);
    let again = connection.send(connection.request("GET", "/healthz", "")).await;
    assert_eq!(again.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_before_the_first_byte() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::bytes("body").delay(Duration::from_secs(8)));
    let world = World::start(origin.address()).await;
    let mut connection = Connection::open(world.app.address()).await;
    connection.send(&Request::post(world.app.address(), "/api/downloads").json(&many(20)).bytes()).await;
    origin.until("sources are asked", |origin| origin.answering() == 20).await;
    drop(connection);
    let quiet = until_quiet(&origin).await;
    assert!(quiet < Duration::from_secs(1), "sources were asked for {quiet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_flood() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::bytes("body"));
    let world = World::start(origin.address()).await;
    let health = Request::get(world.app.address(), "/healthz").bytes();
    let mut idle = Vec::new();
    for _ in 0..1000 {
        let mut connection = Connection::open(world.app.address()).await;
        connection.send(&health).await;
        let (answer, connection) = connection.answer("GET").await;
        assert_eq!(answer.status, 200);
        idle.push(connection.expect("kept alive"));
    }
    let begun = Instant::now();
    let answer = world.post(body(&case("idle_flood"))).await;
    assert_eq!((answer.status, answer.is_whole()), (200, true));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // They are idle, not dead.
    let mut last = idle.pop().unwrap();
    last.send(&health).await;
    assert_eq!(last.answer("GET").await.0.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipeline() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, 200_000));
    origin.serve("/b.txt", Route::bytes("other"));
    let world = World::start(origin.address()).await;
    let first = Request::post(world.app.address(), "/api/downloads").body(body(&case("pipeline")));
    let second = body(&case("pipeline"));
    let second = String::from_utf8(second).unwrap().replace("a.txt", "b.txt");
    let second = Request::post(world.app.address(), "/api/downloads").body(second);
    let mut connection = Connection::open(world.app.address()).await;
    connection.send(&[first.bytes(), second.bytes()].concat()).await;
    let (answer, connection) = connection.answer("POST").await;
    assert_eq!(contents(&answer.body), [("a.txt".to_owned(), pattern(1, 0..200_000))]);
    let (answer, _) = connection.expect("the next answer follows").answer("POST").await;
    assert_eq!(contents(&answer.body), [("b.txt".to_owned(), b"other".to_vec())]);
}

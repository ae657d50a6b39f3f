//! When a source is read by several connections, and what that costs.

use std::time::Duration;

use super::{Bench, RATE, SEGMENT, SOON, read, slow};
use crate::support::origin::{Origin, Route, pattern};

const LENGTH: u64 = 16 * SEGMENT;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_source_is_read_by_as_many_connections_as_may_be() {
    let (origin, bench) = (Origin::start().await, Bench::with(|config| config.segments = 8, 4 << 20));
    let url = origin.serve("/a", slow(1, 2 * LENGTH));
    let mut reader = bench.reader(&url);
    let (mut bytes, mut most) = (Vec::new(), 0);
    while let Some(chunk) = reader.next().await.unwrap() {
        bytes.extend(chunk);
        most = most.max(bench.budget.held());
    }
    assert!(bytes == pattern(1, 0..2 * LENGTH));
    assert_eq!(origin.most_answering(), 8, "connections at once");
    // Those behind the front, and what was read ahead of the front itself.
    assert!(most > 0 && most <= 8 * SEGMENT, "{most} bytes were held");
    assert!(origin.sent() <= 2 * LENGTH + SEGMENT, "{} bytes for {}", origin.sent(), 2 * LENGTH);
    let tagged = |request: &_| crate::support::origin::Request::header(request, "if-match") == Some("\"v1\"");
    assert!(origin.requests()[1..].iter().all(tagged), "{:?}", origin.requests());
    bench.given_back(&origin).await;
}

/// What keeps a source at one connection, each with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn one_connection_stays_where_more_cannot_or_may_not_be() {
    let plain = || slow(1, LENGTH);
    let length = |length| move |_: Route| slow(1, length);
    type Change = fn(&mut zipstream::fetch::Config);
    let as_is: Change = |_| {};
    let cases: Vec<(&str, Route, Change, u64)> = vec![
        ("segments = 1", plain(), |config| config.segments = 1, 4 << 20),
        ("per_host = 1", plain(), |config| config.per_host = 1, 4 << 20),
        ("no budget", plain(), as_is, SEGMENT),
        ("short", length(4 * SEGMENT - 1)(plain()), as_is, 4 << 20),
        ("no ranges", plain().ignores_ranges(), as_is, 4 << 20),
        ("weak tag", plain().etag("W/\"v1\""), as_is, 4 << 20),
    ];
    for (what, route, change, budget) in cases {
        let (origin, bench) = (Origin::start().await, Bench::with(change, budget));
        let expected = if what == "short" { 4 * SEGMENT - 1 } else { LENGTH };
        // Twice as fast: they are read by one connection.
        let (bytes, ended) = bench.read(&origin.serve("/a", route.rate(2 * RATE))).await;
        assert!(ended.is_ok() && bytes == pattern(1, 0..expected), "{what}: {ended:?}");
        assert_eq!(origin.requests().len(), 1, "{what}");
    }
}

/// One request goes on when its URL is not good for others any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_signature_lapses_before_its_end_is_asked_for_once() {
    for (lives, is_lasting) in [(1, false), (3600, true)] {
        let (origin, bench) = (Origin::start().await, Bench::new());
        let end =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + lives;
        let url = origin.serve("/a", slow(1, LENGTH)) + &format!("?Expires={end}&Signature=x");
        let (bytes, ended) = bench.read(&url).await;
        assert!(ended.is_ok() && bytes == pattern(1, 0..LENGTH), "{ended:?}");
        assert_eq!(origin.requests().len() > 1, is_lasting, "{lives} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn budget_and_host_bound_the_connections() {
    for (per_host, budget, most) in [(2, 4 << 20, 2), (64, 3 * SEGMENT, 3)] {
        let origin = Origin::start().await;
        let bench = Bench::with(|config| (config.per_host, config.segments) = (per_host, 8), budget);
        let (bytes, ended) = bench.read(&origin.serve("/a", slow(1, LENGTH))).await;
        assert!(ended.is_ok() && bytes == pattern(1, 0..LENGTH), "{ended:?}");
        assert_eq!(origin.most_answering(), most, "{per_host} {budget}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_is_read_by_several_connections_too() {
    let (origin, bench) = (Origin::start().await, Bench::new());
    let url = origin.serve("/a", slow(1, LENGTH));
    let mut whole = bench.reader(&url);
    whole.next().await.unwrap();
    let head = zipstream::plan::Head {
        length: Some(LENGTH),
        modified: None,
        ranges: true,
        validator: Some(zipstream::plan::Validator::ETag("\"v1\"".into())),
    };
    drop(whole);
    let source = zipstream::descriptor::HttpSource { url: url.parse().unwrap(), headers: Default::default() };
    let span = 1001..LENGTH - 77;
    let mut reader = zipstream::fetch::Reader::of_span(
        bench.client.clone(),
        source.into(),
        head,
        span.clone(),
        Default::default(),
    );
    let (bytes, ended) = read(&mut reader, u64::MAX).await;
    assert!(ended.is_ok() && bytes == pattern(1, span), "{ended:?}, {} bytes", bytes.len());
    assert!(origin.most_answering() >= 4, "{} connections", origin.most_answering());
}

/// It holds a read buffer and little more once it has stopped, and its source's clocks stand still.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_gives_up_what_was_read_ahead() {
    let origin = Origin::start().await;
    let clocks = |config: &mut zipstream::fetch::Config| {
        (config.idle_timeout, config.first_byte_timeout) = (SOON, SOON);
        (config.min_rate_window, config.min_rate.0) = (SOON, 20_000);
    };
    let bench = Bench::with(clocks, 4 << 20);
    let mut reader = bench.reader(&origin.serve("/a", slow(1, LENGTH)));
    let mut bytes = Vec::new();
    while origin.most_answering() < 4 {
        bytes.extend(read(&mut reader, 1).await.0);
    }
    origin.until("given up", |origin| bench.budget.held() <= SEGMENT && origin.answering() <= 1).await;
    let (rest, ended) = read(&mut reader, u64::MAX).await;
    bytes.extend(rest);
    assert!(ended.is_ok() && bytes == pattern(1, 0..LENGTH), "{ended:?}, {} bytes", bytes.len());
    bench.given_back(&origin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_dropped_closes_every_connection_and_holds_nothing() {
    let (origin, bench) = (Origin::start().await, Bench::new());
    let mut reader = bench.reader(&origin.serve("/a", slow(1, LENGTH)));
    while origin.most_answering() < 4 {
        assert!(!read(&mut reader, 1).await.0.is_empty());
    }
    drop(reader);
    assert_eq!(bench.budget.held(), 0);
    origin.until("closed", |origin| origin.answering() == 0).await;
}

/// A reader that takes its time is not read ahead for: it is not the source that is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_served_by_one_connection() {
    let (origin, bench) = (Origin::start().await, Bench::new());
    // In pieces of 32 KiB every 40 ms, of which the reader waits for none.
    let route = Route::pattern(1, LENGTH).etag("\"v1\"");
    let mut reader = bench.reader(&origin.serve("/a", route));
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        bytes.extend(chunk);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(bytes == pattern(1, 0..LENGTH));
    assert_eq!(origin.requests().len(), 1);
}

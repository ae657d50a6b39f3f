//! Stores that do not give several connections what one would get: fewer connections, or a failure; never wrong bytes.

use std::sync::Arc;

use zipstream::fetch::Error;

use super::{Bench, SEGMENT, slow};
use crate::support::origin::{Head, Origin, Request, Route, pattern};

const LENGTH: u64 = 12 * SEGMENT;

/// Whether a request is one for a segment: the first asks for all.
fn is_segment(request: &Request) -> bool {
    request.header("if-match").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_more_than_one_connection_is_read_by_one() {
    type Refusal = fn() -> Route;
    let refusals: [(&str, Refusal); 6] = [
        ("429", || Route::status(429).header("Retry-After", "60")),
        ("503", || Route::status(503)),
        ("403", || Route::status(403)),
        ("closed", || slow(1, LENGTH).head(Head::Closed)),
        ("reset", || slow(1, LENGTH).head(Head::Reset)),
        ("the whole", || slow(1, LENGTH).ignores_ranges()),
    ];
    for (what, refusal) in refusals {
        let (origin, bench) = (Origin::start().await, Bench::new());
        let route = move |request: &Request, _| if is_segment(request) { refusal() } else { slow(1, LENGTH) };
        let (bytes, ended) = bench.read(&origin.serve("/a", Route::by(route))).await;
        assert!(ended.is_ok() && bytes == pattern(1, 0..LENGTH), "{what}: {ended:?}, {} bytes", bytes.len());
        let asked = origin.requests().len();
        assert!((2..=5).contains(&asked), "{what}: {asked} requests");
        bench.given_back(&origin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_allows_a_few_connections_is_read_by_those() {
    for allowed in [1, 2, 3] {
        let (origin, bench) = (Arc::new(Origin::start().await), Bench::with(|c| c.segments = 8, 4 << 20));
        let seen = Arc::downgrade(&origin);
        let busy = move || seen.upgrade().map_or(0, |origin| origin.answering());
        let route = move |_: &Request, _| if busy() < allowed { slow(1, LENGTH) } else { Route::status(429) };
        let (bytes, ended) = bench.read(&origin.serve("/a", Route::by(route))).await;
        assert!(ended.is_ok() && bytes == pattern(1, 0..LENGTH), "{allowed}: {ended:?}, {}", bytes.len());
        bench.given_back(&origin).await;
    }
}

/// What must not be put together, each as the third request's answer or as all segments'.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_another_source_fails_it() {
    let part = |request: &Request| {
        let (from, to) = request.header("range").unwrap()[6..].split_once('-').unwrap();
        (from.parse::<u64>().unwrap(), to.parse::<u64>().unwrap_or(LENGTH - 1))
    };
    let lying = move |request: &Request, total: u64, tag: &str, shift: u64| {
        let (from, to) = part(request);
        let range = format!("bytes {}-{}/{total}", from + shift, to + shift);
        Route::pattern(9, to + 1 - from).with_status(206).header("Content-Range", range).etag(tag)
    };
    type Answer = Arc<dyn Fn(&Request) -> Route + Send + Sync>;
    let cases: Vec<(&str, bool, Answer)> = vec![
        ("another tag", true, Arc::new(move |request| lying(request, LENGTH, "\"v2\"", 0))),
        ("a weak tag", true, Arc::new(move |request| lying(request, LENGTH, "W/\"v1\"", 0))),
        ("another total", true, Arc::new(move |request| lying(request, LENGTH + 1, "\"v1\"", 0))),
        ("another range", false, Arc::new(move |request| lying(request, LENGTH, "\"v1\"", 1))),
        ("its condition fails", true, Arc::new(|_| slow(9, LENGTH).etag("\"v2\""))),
        ("another whole", true, Arc::new(|_| Route::pattern(9, LENGTH).etag("\"v2\"").with_status(200))),
        ("shorter", true, Arc::new(|_| Route::pattern(9, 5).etag("\"v1\""))),
    ];
    for (what, is_change, answer) in cases {
        for from in [1, 3] {
            let (origin, bench) = (Origin::start().await, Bench::new());
            let answer = Arc::clone(&answer);
            let route = move |request: &Request, nth| {
                if nth >= from && is_segment(request) { answer(request) } else { slow(1, LENGTH) }
            };
            let (bytes, ended) = bench.read(&origin.serve("/a", Route::by(route))).await;
            assert!(bytes == pattern(1, 0..bytes.len() as u64), "{what}: wrong bytes");
            match ended {
                Err(Error::Changed(_)) if is_change => {}
                Err(Error::Protocol(_)) if !is_change => {}
                // It proves nothing, neither for nor against: what is being read already goes on alone.
                Ok(()) | Err(Error::Unproven(_)) if what == "a weak tag" => {}
                ended => panic!("{what} from {from}: {ended:?}, {} bytes", bytes.len()),
            }
            bench.given_back(&origin).await;
        }
    }
}

/// Segments share their source's attempts.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_segments_always_break_fails_after_its_attempts() {
    let (origin, bench) = (Origin::start().await, Bench::new());
    let route = |request: &Request, _| {
        let route = slow(1, LENGTH);
        if is_segment(request) { route.cut(100) } else { route }
    };
    let (bytes, ended) = bench.read(&origin.serve("/a", Route::by(route))).await;
    assert!(matches!(ended, Err(Error::Truncated)), "{ended:?}");
    assert!(bytes == pattern(1, 0..bytes.len() as u64) && (bytes.len() as u64) < LENGTH);
    assert!(origin.requests().len() <= 4 + 8, "{} requests", origin.requests().len());
    bench.given_back(&origin).await;
}

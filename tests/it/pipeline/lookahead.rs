//! Look-ahead hides the sources' latency, and never holds more than its budgets: seen from the sources, which count
//! the octets they sent.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::download::{assert_whole, numbered, post};
use crate::support::App;
use crate::support::client::Reading;
use crate::support::origin::{Gate, Origin, Request, Route, pattern};

const SOURCES: u64 = 8;
const LENGTH: u64 = 1 << 20;
const OF_ARCHIVE: u64 = 256 << 10;
const OF_PROCESS: u64 = 1 << 20;

/// Serves the sources of one archive; those behind the first one send at most `gate`'s octets until it opens.
fn serve(origin: &Origin, archive: usize, gate: Option<(u64, &Gate)>) -> Vec<String> {
    let route = |seed| match gate.filter(|_| seed > 0) {
        Some((octets, gate)) => Route::pattern(seed, LENGTH).etag("\"v\"").gate(octets, gate),
        None => Route::pattern(seed, LENGTH).etag("\"v\""),
    };
    (0..SOURCES).map(|seed| origin.serve(&format!("/{archive}/{seed}"), route(seed))).collect()
}

/// Octets sent for the sources behind the first one of an archive.
fn sent_ahead(origin: &Origin, archive: usize) -> u64 {
    (1..SOURCES).map(|seed| origin.sent_for(&format!("/{archive}/{seed}"))).sum()
}

/// An archive whose reader took its first octets and stopped.
async fn stopped(app: &App, descriptor: &Value) -> (Vec<u8>, Reading) {
    let mut reading = post(app, descriptor).receive_buffer(16 << 10).open().await;
    let begin = reading.take(100).await;
    assert_eq!(begin.len(), 100);
    (begin, reading)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_hold_no_more_than_the_budgets_and_starve_nobody() {
    const SLOW: usize = 12;
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.archive.prefetch_size.0 = OF_ARCHIVE;
        config.archive.prefetch_total.0 = OF_PROCESS;
    })
    .await;
    // The last octet of each beginning is kept back, so that its answer shows as being under way.
    let gate = Gate::closed();
    let beginning = OF_ARCHIVE / SOURCES;
    let begun = Instant::now();
    let mut slow = Vec::new();
    for archive in 0..SLOW {
        let urls = serve(&origin, archive, Some((beginning - 1, &gate)));
        slow.push(stopped(&app, &numbered(&urls)).await);
        let ahead = sent_ahead(&origin, archive);
        assert!(ahead <= OF_ARCHIVE + SOURCES, "archive {archive} has {ahead} bytes sent ahead");
        assert!(app.held() <= OF_PROCESS, "{} bytes are held", app.held());
    }
    // As long as nothing was given up, all that was ever sent ahead is still held.
    if begun.elapsed() < Duration::from_millis(1500) {
        let all: u64 = (0..SLOW).map(|archive| sent_ahead(&origin, archive)).sum();
        assert!(all <= OF_PROCESS + SLOW as u64 * SOURCES, "{all} bytes were sent ahead");
        assert!(all >= OF_PROCESS / 2, "only {all} bytes were sent ahead: nothing was looked ahead");
        assert!(origin.answering() > SLOW, "{} answers are under way", origin.answering());
    }
    // A fast reader is not held up, even while the others have the whole budget.
    let urls = serve(&origin, SLOW, None);
    let bodies: Vec<_> = (0..SOURCES).map(|seed| pattern(seed, 0..LENGTH)).collect();
    assert_whole(&post(&app, &numbered(&urls)).send().await, &bodies, "beside slow ones");
    // What nobody comes near is given up: nothing is held, and no answer waits but the one being read.
    origin.until("look-ahead given up", |origin| origin.answering() <= SLOW && app.held() == 0).await;
    gate.open();
    for (archive, (begin, reading)) in slow.into_iter().enumerate() {
        let mut answer = reading.finish().await;
        answer.body = [begin, answer.body].concat();
        assert_whole(&answer, &bodies, &format!("slow {archive}"));
    }
}

/// The probe's beginnings are one way to hold bytes ahead; this is the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_were_not_probed_are_asked_ahead_within_the_budget() {
    const SHORT: u64 = 100 << 10;
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.archive.probe_files = 1;
        config.archive.prefetch_size.0 = OF_ARCHIVE;
    })
    .await;
    let gate = Gate::closed();
    let first = Route::pattern(0, SHORT).gate(SHORT - 1, &gate);
    let mut urls = vec![origin.serve("/0/0", first)];
    urls.extend((1..SOURCES).map(|seed| origin.serve(&format!("/0/{seed}"), Route::pattern(seed, SHORT))));
    let mut descriptor = numbered(urls);
    for file in descriptor["files"].as_array_mut().unwrap() {
        file["size"] = SHORT.into();
    }
    let (begin, reading) = stopped(&app, &descriptor).await;
    origin.until("looked ahead", |origin| sent_ahead(origin, 0) >= 2 * SHORT).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(sent_ahead(&origin, 0), 2 * SHORT, "a third does not fit into 256 KiB");
    assert!(app.held() <= OF_ARCHIVE, "{} bytes are held", app.held());
    gate.open();
    let mut answer = reading.finish().await;
    answer.body = [begin, answer.body].concat();
    let bodies: Vec<_> = (0..SOURCES).map(|seed| pattern(seed, 0..SHORT)).collect();
    assert_whole(&answer, &bodies, "unprobed");
}

/// Nobody knows how long they are; to hold for each what the longest may need would leave room for four.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_were_not_probed_are_taken_for_as_long_as_those_that_were() {
    const SHORT: u64 = 10 << 10;
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.archive.probe_files = 8;
        config.archive.prefetch_size.0 = 4 << 20;
        config.tiers.anonymous.files = 200;
    })
    .await;
    let route = |seed| Route::pattern(seed, SHORT).delay(Duration::from_millis(300));
    // One is longer than it was taken for.
    let long = |seed| Route::pattern(seed, 3 * LENGTH).etag("\"v\"");
    let length = |seed| if seed == 150 { 3 * LENGTH } else { SHORT };
    let route = |seed| if seed == 150 { long(seed) } else { route(seed) };
    let urls: Vec<_> = (0..200).map(|seed| origin.serve(&format!("/{seed}"), route(seed))).collect();
    let answer = post(&app, &numbered(urls)).send().await;
    let bodies: Vec<_> = (0..200).map(|seed| pattern(seed, 0..length(seed))).collect();
    assert_whole(&answer, &bodies, "unprobed");
    let most = origin.most_answering();
    assert!(most >= 32, "only {most} were asked at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moving_reader_never_has_more_ahead_than_its_budget() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.archive.prefetch_size.0 = OF_ARCHIVE).await;
    let bodies: Vec<_> = (0..3).map(|seed| pattern(seed, 0..LENGTH)).collect();
    let urls = serve(&origin, 0, None);
    let download = post(&app, &numbered(&urls[..3])).rate(1 << 20).send();
    let mut download = std::pin::pin!(download);
    let answer = loop {
        tokio::select! {
            answer = &mut download => break answer,
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                // In later seconds the budget is what the reader took lately: at most its rate.
                assert!(app.held() <= 2 << 20, "{} bytes are held", app.held());
            }
        }
    };
    assert_whole(&answer, &bodies, "moving");
    assert_eq!(app.held(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_sources_are_asked_before_the_first_has_answered() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let route = |seed| Route::pattern(seed, 256 << 10).delay(Duration::from_millis(1000));
    let urls: Vec<_> = (0..50).map(|seed| origin.serve(&format!("/{seed}"), route(seed))).collect();
    let answer = post(&app, &numbered(urls)).send().await;
    let bodies: Vec<_> = (0..50).map(|seed| pattern(seed, 0..256 << 10)).collect();
    assert_whole(&answer, &bodies, "fifty");
    assert_eq!(origin.most_answering(), 50, "requests at once");
    assert_eq!(origin.requests().len(), 50, "a source no longer than its beginning needs no other request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_asked_no_more_at_once_than_it_may_be() {
    const PER_HOST: usize = 4;
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.per_host = PER_HOST).await;
    let route = |seed| Route::pattern(seed, 2000).delay(Duration::from_millis(50));
    let urls: Vec<_> = (0..20).map(|seed| origin.serve(&format!("/{seed}"), route(seed))).collect();
    let answer = post(&app, &numbered(urls)).send().await;
    let bodies: Vec<_> = (0..20).map(|seed| pattern(seed, 0..2000)).collect();
    assert_whole(&answer, &bodies, "twenty");
    // The source whose turn it is does not wait for those that are asked ahead.
    assert!(origin.most_answering() <= PER_HOST + 1, "{} at once", origin.most_answering());
    assert!(origin.most_answering() >= PER_HOST, "{} at once", origin.most_answering());
    // Of long ones some stay open until their turn, and as many may be asked for their head.
    let long = Origin::start().await;
    let route = |seed| Route::pattern(seed, 2 << 20).etag("\"v\"");
    let urls: Vec<_> = (0..20).map(|seed| long.serve(&format!("/{seed}"), route(seed))).collect();
    let answer = post(&app, &numbered(urls)).send().await;
    let bodies: Vec<_> = (0..20).map(|seed| pattern(seed, 0..2 << 20)).collect();
    assert_whole(&answer, &bodies, "twenty long ones");
    // A closed connection counts until the origin has seen its end, which a busy machine delays.
    assert!(long.most_open() < 4 * PER_HOST, "{} connections", long.most_open());
}

/// A beginning of it could not be used, and the rest of its answer would be thrown away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_source_that_cannot_be_continued_is_asked_when_probed_and_at_its_turn() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let route = |seed| Route::pattern(seed, 2 << 20).ignores_ranges();
    let urls: Vec<_> = (0..3).map(|seed| origin.serve(&format!("/{seed}"), route(seed))).collect();
    let bodies: Vec<_> = (0..3).map(|seed| pattern(seed, 0..2 << 20)).collect();
    assert_whole(&post(&app, &numbered(urls)).send().await, &bodies, "plain");
    let requests = ["/0", "/1", "/2"].map(|path| origin.requests_to(path).len());
    assert_eq!(requests, [1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_sent_nothing_but_ranges_it_will_deliver() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let urls = serve(&origin, 0, None);
    let bodies: Vec<_> = (0..SOURCES).map(|seed| pattern(seed, 0..LENGTH)).collect();
    assert_whole(&post(&app, &numbered(urls)).send().await, &bodies, "ranges");
    let plain = |request: &Request| request.header("range").is_none();
    assert!(!origin.requests().iter().any(plain), "{:?}", origin.requests());
    assert_eq!(origin.sent(), SOURCES * LENGTH, "bytes were asked for twice");
}

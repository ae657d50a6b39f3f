//! `AUTO` decides by what sources are: not by their order, the moment's budgets, their pace or where they break.

use std::time::Duration;

use rc_zip_sync::rc_zip::parse::Method;
use serde_json::{Value, json};

use super::compression::{methods as written, text};
use super::download::{assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Event, Origin, Route, pattern};

/// Longer than any share of the look-ahead.
const LENGTH: u64 = 2 << 20;
/// Behind this a sample of noise is told from one of text.
const HEAD: u64 = 8 << 10;

/// An archive of these sources under AUTO.
fn auto(urls: &[String]) -> Value {
    let mut descriptor = numbered(urls);
    descriptor["compression"] = json!("AUTO");
    descriptor
}

/// Noise and then words, which shrink on the whole.
fn changing() -> Vec<u8> {
    [pattern(9, 0..HEAD), text(9, 300_000)].concat()
}

/// Sources, and how each is to be written.
#[derive(Default)]
struct Sources {
    urls: Vec<String>,
    bodies: Vec<Vec<u8>>,
    methods: Vec<Method>,
}

/// A change of how a source sends.
type Way = fn(Route) -> Route;

/// Long sources of noise and of words, in every way of sending them.
fn long(origin: &Origin) -> Sources {
    let mut sources = Sources::default();
    let ways: [(&str, Way); 4] = [
        ("ranges", |route| route),
        ("whole", Route::ignores_ranges),
        ("chunked", |route| route.ignores_ranges().chunked()),
        ("ending", |route| route.ignores_ranges().until_close()),
    ];
    for (seed, (way, change)) in (0..).zip(ways) {
        for (kind, body, method) in [
            ("noise", pattern(seed, 0..LENGTH), Method::Store),
            ("words", text(seed, LENGTH as usize), Method::Deflate),
        ] {
            let route =
                Route::bytes(body.clone()).etag("\"v\"").last_modified("Mon, 02 Nov 2026 10:00:00 GMT");
            sources.urls.push(origin.serve(&format!("/{way}/{kind}"), change(route)));
            sources.bodies.push(body);
            sources.methods.push(method);
        }
    }
    sources
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_source_is_looked_at_in_any_order() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let Sources { mut urls, mut bodies, mut methods } = long(&origin);
    for order in ["as it is", "reversed"] {
        let answer = post(&app, &auto(&urls)).send().await;
        assert_whole(&answer, &bodies, order);
        assert_eq!(written(&answer.body), methods, "{order}");
        urls.reverse();
        bodies.reverse();
        methods.reverse();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_budget_and_no_connection_decides() {
    let origin = Origin::start().await;
    let Sources { urls, bodies, methods } = long(&origin);
    let mut first = None;
    for (what, per_host, share, total) in [
        ("the defaults", 64, 16 << 20, 64 << 20),
        ("two connections", 2, 16 << 20, 64 << 20),
        ("no budget of the process", 64, 16 << 20, 0),
        ("a small one", 64, 16 << 20, 100_000),
        ("a share below what is looked at", 64, 8000, 64 << 20),
    ] {
        let app = App::with(|config| {
            config.fetch.per_host = per_host;
            (config.archive.prefetch_size.0, config.archive.prefetch_total.0) = (share, total);
        })
        .await;
        let answer = post(&app, &auto(&urls)).send().await;
        assert_whole(&answer, &bodies, what);
        assert_eq!(written(&answer.body), methods, "{what}");
        let first = first.get_or_insert_with(|| answer.body.clone());
        assert!(*first == answer.body, "{what}: the bytes differ");
    }
}

/// No more of them at once than their own bound, and no more of each than is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_long_sources_are_looked_at_and_cost_little() {
    const SOURCES: u64 = 40;
    let origin = Origin::start().await;
    let app = App::with(|config| (config.fetch.per_host, config.archive.prefetch_total.0) = (4, 0)).await;
    let route = |seed| Route::pattern(seed, LENGTH).etag("\"v\"");
    let urls: Vec<_> = (0..SOURCES).map(|seed| origin.serve(&format!("/{seed}"), route(seed))).collect();
    let mut reading = post(&app, &auto(&urls)).receive_buffer(16 << 10).open().await;
    let begin = reading.take(1000).await;
    for seed in 1..SOURCES {
        let path = format!("/{seed}");
        let requests = origin.requests_to(&path);
        assert_eq!(requests[0].header("range"), Some("bytes=0-65535"), "{path}");
        assert!(origin.sent_for(&path) <= 64 << 10, "{path}: {} bytes", origin.sent_for(&path));
    }
    assert!(app.held() == 0 && origin.most_answering() <= 5, "{} at once", origin.most_answering());
    let mut answer = reading.finish().await;
    answer.body = [begin, answer.body].concat();
    assert_eq!(written(&answer.body), [Method::Store; SOURCES as usize]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sample_is_waited_for_as_long_as_an_answer() {
    let (origin, app) = (Origin::start().await, App::start().await);
    // As long as samples of a second would be waited for, and longer.
    let slow = |route: Route| route.etag("\"v\"").at(HEAD, Event::Pause(Duration::from_millis(1500)));
    let urls = ["/0", "/1"].map(|path| origin.serve(path, slow(Route::bytes(changing()))));
    let answer = post(&app, &auto(&urls)).send().await;
    assert_whole(&answer, &[changing(), changing()], "slow");
    assert_eq!(written(&answer.body), [Method::Deflate; 2]);

    let app = App::with(|config| config.archive.probe_timeout = Duration::from_millis(300)).await;
    let noise = || Route::pattern(1, 300_000);
    let urls =
        [origin.serve("/2", noise()), origin.serve("/3", slow(noise())), origin.serve("/4", slow(noise()))];
    for (first, expected) in [(0, [Method::Store, Method::Deflate]), (1, [Method::Deflate; 2])] {
        let answer = post(&app, &auto(&urls[first..first + 2])).send().await;
        assert_whole(&answer, &[pattern(1, 0..300_000), pattern(1, 0..300_000)], "too slow");
        // What is too slow goes by its name, which says nothing.
        assert_eq!(written(&answer.body), expected, "{first}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_source_breaks_decides_nothing() {
    for requests in [1, 2] {
        let (origin, app) = (Origin::start().await, App::start().await);
        let breaks = |route: Route| route.cut(HEAD + 10);
        let route = || Route::bytes(changing()).etag("\"v\"");
        let whole = || route().ignores_ranges();
        let urls = [
            origin.serve("/0", route().first(requests, breaks)),
            origin.serve("/1", route().first(requests, breaks)),
            origin.serve("/2", whole().first(requests, breaks)),
            origin.serve("/3", whole().chunked().first(requests, breaks)),
        ];
        let answer = post(&app, &auto(&urls)).send().await;
        assert_whole(&answer, &[changing(), changing(), changing(), changing()], "broken");
        assert_eq!(written(&answer.body), [Method::Deflate; 4], "{requests}");
    }
}

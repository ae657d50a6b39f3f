//! The pull side of long archives: slow sources, and what becomes of a source while the entries before it take their time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use zipstream::archive::{self, Archives, Failure, Reason};
use zipstream::config;
use zipstream::descriptor::{self, Descriptor};
use zipstream::{egress, fetch};

use super::download::{Protocol, assert_aborted, assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Event, Origin, Route, pattern};

/// What a store waits before it closes a connection that stands still.
const IDLE: Duration = Duration::from_millis(300);
/// A source that keeps its archive busy for longer than that.
fn slow_first(origin: &Origin) -> String {
    origin.serve("/first", Route::pattern(1, 600_000).etag("\"v\"").rate(400_000))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_sources_come_whole_by_several_connections_one_after_another() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.segment_size.0 = 100_000).await;
    let route = |seed| {
        Route::pattern(seed, 1_500_000).etag("\"v\"").rate(500_000).first(4, |route| route.cut(90_000))
    };
    let urls = (0..3).map(|seed| origin.serve(&format!("/{seed}"), route(seed)));
    let answer = post(&app, &numbered(urls)).send().await;
    let bodies: Vec<_> = (0..3).map(|seed| pattern(seed, 0..1_500_000)).collect();
    assert_whole(&answer, &bodies, "three slow sources");
    assert!(origin.most_answering() > 3, "{} at once", origin.most_answering());
    assert_eq!(app.held(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_in_the_middle_of_segments_leaves_nothing_behind() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.segment_size.0 = 100_000).await;
    let url = origin.serve("/a", Route::pattern(1, 20_000_000).etag("\"v\"").rate(500_000));
    let mut reading = post(&app, &numbered([url])).open().await;
    while origin.most_answering() < 4 {
        reading.take(10_000).await;
    }
    drop(reading);
    origin.until("given back", |origin| origin.open() == 0 && app.held() == 0).await;
}

/// Asked ahead, its socket closed while nobody read: by FIN or RST, after some of the body or before any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_whose_waiting_connection_the_store_closed_is_continued() {
    const LENGTH: u64 = 3 << 20;
    for (what, end) in [("closed", Event::Cut), ("reset", Event::Reset)] {
        for octets in [0, 1, 200_000, (1 << 20) - 1] {
            let (origin, app) = (Origin::start().await, App::start().await);
            let idle = |route: Route| route.at(octets, Event::Pause(IDLE)).at(octets, end.clone());
            let route = Route::pattern(2, LENGTH).etag("\"v\"").first(2, idle);
            let urls = [slow_first(&origin), origin.serve("/second", route)];
            let answer = post(&app, &numbered(urls)).send().await;
            let bodies = [pattern(1, 0..600_000), pattern(2, 0..LENGTH)];
            assert_whole(&answer, &bodies, &format!("{what} after {octets}"));
        }
    }
}

/// A connection that was kept for the next request is closed meanwhile, without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_that_the_store_closed_is_replaced() {
    let origin = Origin::builder().reset_after(1).start().await;
    let app = App::start().await;
    let second = origin.serve("/second", Route::pattern(2, 3 << 20).etag("\"v\""));
    let answer = post(&app, &numbered([slow_first(&origin), second])).send().await;
    assert_whole(&answer, &[pattern(1, 0..600_000), pattern(2, 0..3 << 20)], "kept");
}

/// Its signature was good when it was probed, and is not at its turn.
fn expiring() -> Route {
    Route::by(|_, nth| {
        let route = Route::pattern(2, 3 << 20).etag("\"v\"");
        if nth == 0 { route } else { Route::status(403) }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_may_not_be_read_any_more_at_its_turn_breaks_the_archive() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let urls = [slow_first(&origin), origin.serve("/second", expiring())];
    let answer = post(&app, &numbered(urls)).send().await;
    assert_aborted(&answer, Protocol::Http11, "expired");
    assert!(origin.requests_to("/second").len() <= 3, "a definite refusal is not asked for again");
}

/// What makes archives without a service around it, and judges their descriptors.
pub(super) fn alone() -> (Archives, Arc<egress::Policy>) {
    let mut config = config::load(&config::Sources::default()).unwrap().config;
    config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let own = egress::Own { listen: vec![], public_host: None };
    let policy = Arc::new(egress::Policy::new(&config.egress, own));
    let resolver = egress::Resolver::new(&[]).unwrap();
    let dialer = egress::Dialer::new(policy.clone(), resolver, egress::direct());
    (Archives::new(fetch::Client::new(config.fetch, dialer).unwrap(), config.archive, 1), policy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failure_names_the_entry_and_the_reason() {
    let origin = Origin::start().await;
    let (archives, policy) = alone();
    let signed = "?X-Amz-Date=20261101T100000Z&X-Amz-Expires=3600&X-Amz-Signature=secret";
    let urls = [slow_first(&origin), origin.serve("/second", expiring()) + signed];
    let body = numbered(urls).to_string();
    let limits = descriptor::Limits { files: 2 };
    let descriptor = Descriptor::parse(body.as_bytes(), limits, &policy).unwrap();
    let probed = archives.probe(descriptor, archive::Limits { size: u64::MAX }, None).await.unwrap();
    let facts = probed.facts().clone();
    let mut stream = probed.plan(facts).unwrap().start(None).await.unwrap().stream;
    let failure: Failure = loop {
        match stream.next().await.expect("it fails before it ends") {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    let entry = failure.entry.clone().unwrap();
    assert_eq!((entry.index, entry.zip_path.as_str()), (1, "1"));
    assert!(matches!(failure.reason, Reason::Source(fetch::Error::Lapsed { status, .. }) if status == 403));
    assert_eq!(
        failure.to_string(),
        "entry 1 (1): the source answered 403 Forbidden: the URL's signature ended at 2026-11-01T11:00:00Z; sign it again"
    );
}

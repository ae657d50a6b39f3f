//! Silent sources do not hold an archive back for longer than `archive.probe_timeout`, but are asked again at their turn.

use std::time::{Duration, Instant};

use super::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Gate, Head, Origin, Route, pattern};

/// Clocks of which the probe's is the shortest.
async fn app() -> App {
    App::with(|config| {
        config.archive.probe_timeout = Duration::from_millis(300);
        config.fetch.first_byte_timeout = Duration::from_secs(2);
        config.fetch.attempts = 1;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_source_is_asked_again_at_its_turn() {
    let (origin, app) = (Origin::start().await, app().await);
    let gate = Gate::closed();
    let first = origin.serve("/first", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let silent = Route::pattern(2, 100_000).first(1, |route| route.head(Head::Hung));
    let urls = [first, origin.serve("/silent", silent)];
    let mut reading = post(&app, &numbered(urls)).open().await;
    assert_eq!(reading.status, 200);
    assert_eq!(reading.header("content-length"), None, "a silent source's length is unknown");
    let mut body = reading.take(1000).await;
    gate.open();
    let mut answer = reading.finish().await;
    body.append(&mut answer.body);
    answer.body = body;
    assert_whole(&answer, &[pattern(1, 0..3 << 20), pattern(2, 0..100_000)], "silent at first");
    assert_eq!(origin.requests_to("/silent").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_stays_silent_breaks_the_archive_at_its_turn() {
    let (origin, app) = (Origin::start().await, app().await);
    let first = origin.serve("/first", Route::pattern(1, 100_000));
    let silent = origin.serve("/silent", Route::bytes("").head(Head::Hung));
    for protocol in Protocol::ALL {
        let answer = protocol.download(&app, &numbered([&first, &silent])).await;
        assert_aborted(&answer, protocol, &format!("{protocol:?}"));
        assert!(answer.body.len() > 100_000, "the first source came: {}", answer.body.len());
    }
}

/// Nothing can be sent before the first source has answered: its own clock decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_source_is_waited_for() {
    let (origin, app) = (Origin::start().await, app().await);
    let late = Route::pattern(1, 100_000).delay(Duration::from_millis(900));
    let urls = [origin.serve("/late", late), origin.serve("/second", Route::bytes("x"))];
    let answer = post(&app, &numbered(urls)).send().await;
    assert_whole(&answer, &[pattern(1, 0..100_000), b"x".to_vec()], "late");
    assert!(answer.header("content-length").is_some());
    let silent = origin.serve("/silent", Route::bytes("").head(Head::Hung));
    let start = Instant::now();
    let answer = post(&app, &numbered([silent])).send().await;
    assert_problem(&answer, 504, "source_timeout", Some(0), "silent");
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_beyond_those_probed_are_known_by_their_declared_size() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.archive.probe_files = 1).await;
    let urls: Vec<_> =
        (0..3).map(|seed| origin.serve(&format!("/{seed}"), Route::pattern(seed, 100_000))).collect();
    let bodies: Vec<_> = (0..3).map(|seed| pattern(seed, 0..100_000)).collect();
    let mut descriptor = numbered(urls);
    let answer = post(&app, &descriptor).send().await;
    assert_whole(&answer, &bodies, "unknown");
    assert_eq!(answer.header("content-length"), None);
    for index in 1..3 {
        descriptor["files"][index]["size"] = 100_000.into();
    }
    let answer = post(&app, &descriptor).send().await;
    assert_whole(&answer, &bodies, "declared");
    assert!(answer.header("content-length").is_some());
}

/// Whatever stands before it, the source whose turn comes first is asked for all of it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_source_is_asked_once() {
    let (origin, app) = (Origin::start().await, App::start().await);
    for (what, length) in [("short", 5000), ("long", 3 << 20)] {
        let url = origin.serve(&format!("/{what}"), Route::pattern(1, length).etag("\"v\""));
        let mut descriptor = numbered(["data:,hello".to_owned(), url]);
        descriptor["files"].as_array_mut().unwrap().insert(0, serde_json::json!({ "zipPath": "empty/" }));
        let bodies = [Vec::new(), b"hello".to_vec(), pattern(1, 0..length)];
        for compression in ["STORE", "DEFLATE", "AUTO"] {
            descriptor["compression"] = compression.into();
            let before = origin.requests().len();
            assert_whole(&post(&app, &descriptor).send().await, &bodies, what);
            assert_eq!(origin.requests().len(), before + 1, "{what}, {compression}");
        }
    }
}

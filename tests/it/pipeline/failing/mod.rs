//! Failing sources: each is a problem document or an answer that breaks off, over every protocol, and never an archive
//! that a reader takes for whole.
//!
//! The table of [`sources`] is run in three places: alone, behind a good source, and behind a good source without
//! having been probed, where every failure comes too late for a status.

mod exhausted;
mod skipped;
mod sources;

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use zipstream::config::Config;

use self::sources::{FAILING, Failing, Shows};
use super::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered, post};
use crate::support::App;
use crate::support::client::http2;
use crate::support::origin::{Origin, Route, Tls, authority, pattern};

/// Scenarios at once: most of them only wait.
const AT_ONCE: usize = 12;

/// Clocks far below the defaults, and far above what a loaded machine needs.
fn hasty(config: &mut Config) {
    config.fetch.connect_timeout = Duration::from_millis(700);
    config.fetch.first_byte_timeout = Duration::from_millis(700);
    config.fetch.idle_timeout = Duration::from_millis(700);
    config.fetch.min_rate_window = Duration::from_millis(1500);
    config.fetch.attempts = 2;
}

/// An app that trusts the tests' authority; the file of its certificate is needed at the start only.
async fn start(change: impl FnOnce(&mut Config)) -> App {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, authority().as_bytes()).unwrap();
    App::with(|config| {
        hasty(config);
        config.fetch.ca_file = Some(file.path().to_owned());
        change(config);
    })
    .await
}

/// Where the failing source stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Alone,
    Behind,
    BehindUnprobed,
}

/// Runs one failing source in its place over one protocol; panics where it fails otherwise than it must.
async fn run(app: &App, failing: &Failing, place: Place, protocol: Protocol) {
    let good = Origin::start().await;
    let origin = match failing.tls {
        Some(tls) => Origin::start_tls(tls).await,
        None => Origin::start().await,
    };
    let mut files = Vec::new();
    if place != Place::Alone {
        files.push(json!({ "url": good.serve("/good", Route::pattern(9, 200_000)), "zipPath": "good" }));
    }
    let index = files.len();
    let mut file = (failing.file)(&origin);
    file["zipPath"] = json!("failing");
    files.push(file);
    let descriptor = json!({ "files": files });
    let what = format!("{} {place:?} {protocol:?}", failing.what);
    let answer = tokio::time::timeout(Duration::from_secs(30), protocol.download(app, &descriptor)).await;
    assert!(answer.is_ok(), "{what}: no end");
    let answer = answer.unwrap();
    match failing.shows {
        Shows::Before(status, code) if place != Place::BehindUnprobed => {
            assert_problem(&answer, status, code, Some(index), &what);
        }
        Shows::Turn(status, code) if place == Place::Alone => {
            assert_problem(&answer, status, code, Some(index), &what);
        }
        Shows::Ahead if place == Place::Behind => {
            assert_problem(&answer, 502, "source_truncated", Some(index), &what);
        }
        Shows::Ahead | Shows::Before(..) | Shows::Turn(..) | Shows::Within => {
            assert_aborted(&answer, protocol, &what);
        }
    }
}

/// Runs the whole table, and panics once for all of it.
async fn run_all(app: App, place: Place) {
    let runs = FAILING.iter().flat_map(|failing| Protocol::ALL.map(|protocol| (failing, protocol)));
    let app = &app;
    let judge = |(failing, protocol): (&'static Failing, Protocol)| async move {
        let run = AssertUnwindSafe(run(app, failing, place, protocol)).catch_unwind().await;
        run.is_err().then(|| format!("{} {protocol:?}", failing.what))
    };
    let wrong: Vec<_> =
        stream::iter(runs).map(judge).buffer_unordered(AT_ONCE).filter_map(ready).collect().await;
    assert!(wrong.is_empty(), "{place:?}: {wrong:#?}");
    nothing_held(app).await;
}

/// Waits until what was being compressed is given back too: a worker's block is not stopped within.
async fn nothing_held(app: &App) {
    let begun = Instant::now();
    while app.held() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{} bytes are held", app.held());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_source_alone_never_makes_an_archive() {
    run_all(start(|_| {}).await, Place::Alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_source_behind_a_good_one_never_makes_an_archive() {
    run_all(start(|_| {}).await, Place::Behind).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_source_that_was_not_probed_never_makes_an_archive() {
    run_all(start(|config| config.archive.probe_files = 1).await, Place::BehindUnprobed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failing_one_of_several_is_named() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    let good: Vec<_> = (0..4).map(|i| origin.serve(&format!("/{i}"), Route::pattern(i, 90_000))).collect();
    let missing = origin.url("/missing?signature=secret");
    for index in [0, 2, 4] {
        let mut urls = good.clone();
        urls.insert(index, missing.clone());
        for protocol in Protocol::ALL {
            let answer = protocol.download(&app, &numbered(&urls)).await;
            assert_problem(&answer, 502, "source_status", Some(index), &format!("404 at {index}"));
            assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "a query is a secret");
        }
    }
    let all = numbered([missing.clone(), missing.clone(), missing]);
    let answer = Protocol::Http11.download(&app, &all).await;
    let pointer = answer.json()["errors"][0]["pointer"].clone();
    assert_eq!((answer.status, answer.json()["code"].clone()), (502, json!("source_status")));
    assert!([0, 1, 2].map(|index| json!(format!("/files/{index}/url"))).contains(&pointer), "{pointer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_is_not_left_for_http() {
    let (secure, plain) = (Origin::start_tls(Tls::Trusted).await, Origin::start().await);
    let app = start(|_| {}).await;
    let target = plain.serve("/a", Route::bytes("in the clear"));
    let url = secure.serve("/a", Route::redirect(302, &target));
    let answer = post(&app, &numbered([url])).send().await;
    assert_problem(&answer, 502, "source_protocol", Some(0), "from https to http");
    assert_eq!(plain.requests().len(), 0);
    // The other way is fine.
    let url = plain.serve("/b", Route::redirect(302, secure.serve("/b", Route::bytes("safe"))));
    assert_whole(&post(&app, &numbered([url])).send().await, &["safe"], "from http to https");
}

/// The close is the end of such an answer, whatever the client asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_client_that_wants_to_keep_its_connection_sees_the_failure() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    let url = origin.serve("/a", Route::pattern(1, 300_000).ignores_ranges().chunked().cut(200_000));
    let request = post(&app, &numbered([url])).http10().header("Connection", "keep-alive");
    let answer = request.send().await;
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_aborted(&answer, Protocol::Http10, "keep-alive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_stream_leaves_the_others_of_its_connection_alone() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    let good = numbered([origin.serve("/good", Route::pattern(1, 3 << 20))]);
    let bad = numbered([origin.serve("/bad", Route::pattern(2, 3 << 20).cut(1 << 20))]);
    let mut connection = http2::Connection::open(app.address()).await;
    let mut streams = Vec::new();
    for descriptor in [&good, &bad, &good] {
        let request = connection.request("POST", "/api/downloads", descriptor.to_string());
        streams.push(connection.open_stream(request).await.unwrap());
    }
    let answers = join_all(streams.into_iter().map(http2::finish)).await;
    for answer in [&answers[0], &answers[2]] {
        assert_whole(answer, &[pattern(1, 0..3 << 20)], "good");
    }
    assert_aborted(&answers[1], Protocol::Http2, "bad");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_within_deflate_breaks_off_too() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    origin.serve("/cut", Route::pattern(1, 3 << 20).cut(2_500_000));
    let mut descriptor: Value = numbered([origin.url("/cut")]);
    descriptor["compression"] = json!("DEFLATE");
    for protocol in Protocol::ALL {
        let answer = protocol.download(&app, &descriptor).await;
        assert_aborted(&answer, protocol, &format!("{protocol:?}"));
    }
    nothing_held(&app).await;
}

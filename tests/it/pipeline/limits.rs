//! An archive's limit is judged by what is known at first, and by what comes.

use serde_json::json;

use super::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, pattern};

/// An app whose archives may hold so many bytes of sources.
async fn app(size: u64) -> App {
    App::with(|config| config.tiers.anonymous.archive_size.0 = size).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_sizes_over_the_limit_are_refused_before_the_first_byte() {
    let (origin, app) = (Origin::start().await, app(1_000_000).await);
    let urls =
        [origin.serve("/0", Route::pattern(0, 500_000)), origin.serve("/1", Route::pattern(1, 500_001))];
    for protocol in Protocol::ALL {
        let answer = protocol.download(&app, &numbered(&urls)).await;
        assert_problem(&answer, 413, "archive_too_large", None, &format!("{protocol:?}"));
    }
    origin.serve("/1", Route::pattern(1, 500_000));
    let answer = post(&app, &numbered(&urls)).send().await;
    assert_whole(&answer, &[pattern(0, 0..500_000), pattern(1, 0..500_000)], "at the limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_lengths_do_not_overflow_the_sum() {
    let (origin, app) = (Origin::start().await, app(1_000_000).await);
    let huge = || Route::pattern(0, 1000).ignores_ranges().claims(u64::MAX - 2);
    let urls = [origin.serve("/0", huge()), origin.serve("/1", huge())];
    let answer = post(&app, &numbered(urls)).send().await;
    assert_problem(&answer, 413, "archive_too_large", None, "2^64 - 3 twice");
    let file = json!({ "url": origin.serve("/2", Route::pattern(0, 1000).ignores_ranges().chunked()),
        "zipPath": "a", "size": 9_000_000 });
    let answer = post(&app, &json!({ "files": [file] })).send().await;
    assert_problem(&answer, 413, "archive_too_large", None, "declared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_grows_past_the_limit_is_aborted() {
    let (origin, app) = (Origin::start().await, app(1_000_000).await);
    let known = origin.serve("/known", Route::pattern(0, 400_000));
    let grown = origin.serve("/grown", Route::pattern(1, 600_001).ignores_ranges().chunked());
    let fits = origin.serve("/fits", Route::pattern(1, 600_000).ignores_ranges().chunked());
    for compression in ["STORE", "DEFLATE"] {
        for protocol in Protocol::ALL {
            let mut descriptor = numbered([&known, &grown]);
            descriptor["compression"] = json!(compression);
            let answer = protocol.download(&app, &descriptor).await;
            assert_aborted(&answer, protocol, &format!("{compression} {protocol:?}"));
        }
    }
    let answer = post(&app, &numbered([&known, &fits])).send().await;
    assert_whole(&answer, &[pattern(0, 0..400_000), pattern(1, 0..600_000)], "at the limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_beyond_those_at_once_are_refused_until_one_ends() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.server.max_archives = 2).await;
    let descriptor = numbered([origin.serve("/a", Route::pattern(0, 30 << 20))]);
    let stalled = || post(&app, &descriptor).receive_buffer(16 << 10).open();
    let (first, second) = (stalled().await, stalled().await);
    assert_eq!((first.status, second.status), (200, 200));
    let answer = post(&app, &descriptor).send().await;
    assert_problem(&answer, 503, "overloaded", None, "third");
    assert!(answer.header("retry-after").is_some());
    drop(first);
    origin.until("the first one is gone", |origin| origin.open() == 1).await;
    let answer = post(&app, &descriptor).send().await;
    assert_whole(&answer, &[pattern(0, 0..30 << 20)], "its place is free again");
    drop(second);
}

//! Odd answers that are the file all the same: they are stored as they came.

use std::time::Duration;

use super::download::{assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Event, Origin, Route, pattern};

/// Downloads one source and compares.
async fn stored_as(route: Route, body: &[u8], what: &str) -> Origin {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", route);
    let answer = post(&app, &numbered([url])).send().await;
    assert_whole(&answer, &[body], what);
    origin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_page_with_status_200_is_the_file() {
    let page = "<html><h1>404 Not Found</h1></html>";
    stored_as(Route::bytes(page).header("Content-Type", "text/html"), page.as_bytes(), "page").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coded_answer_is_kept_as_it_came() {
    let coded = b"\x1f\x8b\x08\x00 not really".to_vec();
    stored_as(Route::bytes(coded.clone()).header("Content-Encoding", "gzip"), &coded, "coded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_416_of_an_empty_file_is_the_empty_file() {
    let origin = stored_as(Route::bytes(""), b"", "empty").await;
    assert_eq!(origin.requests().len(), 1, "*/0 says it all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_416_without_a_total_is_asked_again_without_a_range() {
    let route = || Route::pattern(1, 5000).unsatisfiable().hides_total();
    let origin = stored_as(route(), &pattern(1, 0..5000), "416").await;
    let ranges: Vec<_> = origin.requests().iter().map(|r| r.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [Some("bytes=0-".to_owned()), None]);
    let empty = Route::bytes("").hides_total();
    stored_as(empty, b"", "416 of an empty file that tells no total").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_without_a_total_is_asked_again_without_a_range() {
    stored_as(Route::pattern(1, 3 << 20).hides_total(), &pattern(1, 0..3 << 20), "no total").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_trailers_and_old_servers_are_read_past() {
    let body = pattern(1, 0..70_000);
    stored_as(Route::pattern(1, 70_000).interim(&[100, 103]), &body, "interim").await;
    let chunked = Route::pattern(1, 70_000).ignores_ranges().chunks_of(999).chunk_extension(9);
    stored_as(chunked.trailer("X-Checksum", "5"), &body, "trailers").await;
    stored_as(Route::pattern(1, 70_000).http10().ignores_ranges(), &body, "HTTP/1.0").await;
    stored_as(Route::pattern(1, 70_000).http10().until_close().ignores_ranges(), &body, "to its close").await;
}

/// Nothing tells such a cut from the end: this is what a declared size or hash is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_that_nothing_tells_from_the_end_is_the_end() {
    let route = Route::pattern(1, 3000).ignores_ranges().until_close().cut(1234);
    stored_as(route, &pattern(1, 0..1234), "cut").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_redirects_are_followed() {
    let (origin, app) = (Origin::start().await, App::start().await);
    origin.serve("/end", Route::bytes("there"));
    let url = origin.serve_chain("/chain", 10, "/end");
    assert_whole(&post(&app, &numbered([url])).send().await, &["there"], "chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_failures_are_asked_again_until_the_file_comes() {
    let (origin, app) = (Origin::start().await, App::start().await);
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let path = format!("/{status}");
        let url = origin.serve(&path, Route::pattern(1, 100_000).first(2, |route| route.with_status(status)));
        let answer = post(&app, &numbered([url])).send().await;
        assert_whole(&answer, &[pattern(1, 0..100_000)], &path);
        assert_eq!(origin.requests_to(&path).len(), 3, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_honoured() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let busy = |route: Route| route.with_status(503).header("Retry-After", "1");
    let url = origin.serve("/a", Route::bytes("at last").first(1, busy));
    assert_whole(&post(&app, &numbered([url])).send().await, &["at last"], "busy");
    let requests = origin.requests();
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(990), "{pause:?}");
}

/// Servers close kept connections when they like: that costs no attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_connections_that_were_closed_cost_nothing() {
    let origin = Origin::builder().reset_after(1).start().await;
    let app = App::with(|config| (config.fetch.attempts, config.archive.probe_files) = (1, 1)).await;
    let urls: Vec<_> = (0..10).map(|i| origin.serve(&format!("/{i}"), Route::pattern(i, 2 << 20))).collect();
    let bodies: Vec<_> = (0..10).map(|i| pattern(i, 0..2 << 20)).collect();
    assert_whole(&post(&app, &numbered(urls)).send().await, &bodies, "closed in between");
}

/// What follows an answer on its connection is nobody's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_behind_an_answer_are_not_taken_for_the_next_one() {
    let (origin, app) = (Origin::start().await, App::with(|config| config.archive.probe_files = 1).await);
    let forged =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    let urls = [origin.serve("/first", Route::raw(forged)), origin.serve("/second", Route::bytes("second"))];
    assert_whole(&post(&app, &numbered(urls)).send().await, &["first", "second"], "forged");
}

/// The clocks measure silence and rate, not duration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_below_the_clocks_are_waited_for() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.idle_timeout = Duration::from_millis(800)).await;
    let pause = || Event::Pause(Duration::from_millis(300));
    let route = (0..5).fold(Route::pattern(1, 600_000), |route, at| route.at(at * 100_000, pause()));
    let url = origin.serve("/a", route);
    assert_whole(&post(&app, &numbered([url])).send().await, &[pattern(1, 0..600_000)], "pauses");
    assert_eq!(origin.requests().len(), 1);
}

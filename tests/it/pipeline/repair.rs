//! A body that breaks is continued where the rest is proven to be of the same source, and nowhere else.

use std::time::Duration;

use super::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, pattern};

const LENGTH: u64 = 5 << 20;
const OLD: &str = "Mon, 02 Feb 2026 10:00:00 GMT";

fn whole() -> Route {
    Route::pattern(1, LENGTH)
}

/// Downloads one source that must come whole; gives its origin.
async fn repaired(route: Route, what: &str) -> Origin {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", route);
    let answer = post(&app, &numbered([url])).send().await;
    assert_whole(&answer, &[pattern(1, 0..LENGTH)], what);
    assert!(answer.header("content-length").is_some());
    origin
}

/// What a source was asked for: ranges, and a header of each request.
fn asked(origin: &Origin, name: &str) -> Vec<(String, Option<String>)> {
    let text = |value: Option<&str>| value.map(str::to_owned);
    origin.requests().iter().map(|r| (text(r.header("range")).unwrap(), text(r.header(name)))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_continued_under_a_strong_tag() {
    let origin = repaired(whole().etag("\"v1\"").first(1, |route| route.cut(1_000_001)), "cut").await;
    let (first, second) = (("bytes=0-".into(), None), ("bytes=1000001-".into(), Some("\"v1\"".into())));
    assert_eq!(asked(&origin, "if-match"), [first, second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_and_a_silence_are_continued_too() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.idle_timeout = Duration::from_millis(500)).await;
    let route = whole().etag("\"v1\"").first(1, |route| route.reset(700_000)).first(1, |route| route.hang(9));
    let url = origin.serve("/a", route);
    assert_whole(&post(&app, &numbered([url])).send().await, &[pattern(1, 0..LENGTH)], "reset, silence");
    // A reset may take bytes away that were sent; what was handed on counts.
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_gives_the_attempts_back() {
    // More cuts than attempts, each after more than 1 MiB of new bytes but the two in the middle.
    let cut = |octets: u64| move |route: Route| route.cut(octets);
    let route = whole()
        .etag("\"v1\"")
        .first(1, cut(1_100_000))
        .first(2, cut(10))
        .first(1, cut(1_100_000))
        .first(1, cut(1_100_000))
        .first(1, cut(1_100_000));
    let origin = repaired(route, "six cuts").await;
    assert_eq!(origin.requests().len(), 7);
}

/// Servers close what a slow reader leaves waiting, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_far_from_one_another_do_not_add_up() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.retry_time = Duration::from_millis(300)).await;
    let url = origin.serve("/a", Route::pattern(1, 3_000_000).etag("\"v1\"").rate(1_000_000).cut(500_000));
    let answer = post(&app, &numbered([url])).send().await;
    assert_whole(&answer, &[pattern(1, 0..3_000_000)], "cuts half a second from one another");
    assert!(origin.requests().len() > 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_modification_time_proves_the_rest_where_there_is_no_tag() {
    let route = whole().last_modified(OLD).first(2, |route| route.cut(1_200_000));
    let origin = repaired(route, "cut").await;
    let condition = Some(OLD.to_owned());
    let rest = ("bytes=1200000-".to_owned(), condition.clone());
    assert_eq!(
        asked(&origin, "if-unmodified-since"),
        [("bytes=0-".into(), None), rest, ("bytes=2400000-".into(), condition)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_under_deflate_is_continued() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", whole().etag("\"v1\"").first(2, |route| route.cut(1_000_001)));
    let mut descriptor = numbered([url]);
    descriptor["compression"] = "DEFLATE".into();
    assert_whole(&post(&app, &descriptor).send().await, &[pattern(1, 0..LENGTH)], "deflated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_read_ahead_is_continued_at_its_turn() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let first = origin.serve("/first", Route::pattern(2, 100_000));
    let second = origin.serve("/a", whole().etag("\"v1\"").first(3, |route| route.cut(400_000)));
    let answer = post(&app, &numbered([first, second])).send().await;
    assert_whole(&answer, &[pattern(2, 0..100_000), pattern(1, 0..LENGTH)], "ahead");
}

/// Nothing of an inlined body was handed out before it is whole, so it may begin again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_body_that_breaks_is_read_anew() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let broken = |path| origin.serve(path, Route::pattern(3, 30_000).first(2, |route| route.cut(20_000)));
    let urls = [broken("/first"), broken("/second")];
    let answer = post(&app, &numbered(urls)).send().await;
    assert_whole(&answer, &[pattern(3, 0..30_000), pattern(3, 0..30_000)], "anew");
}

/// Routes that answer the first request with a cut and a later one as another source.
fn unprovable() -> Vec<(&'static str, Route)> {
    let cut = |route: Route| route.cut(1_000_000);
    let now = httpdate::fmt_http_date(std::time::SystemTime::now() - Duration::from_secs(30));
    let changing = |from: fn(Route) -> Route, to: fn(Route) -> Route| {
        Route::by(move |_, nth| if nth == 0 { from(whole()).cut(1_000_000) } else { to(whole()) })
    };
    vec![
        ("no validator", whole().first(1, cut)),
        ("weak tag", whole().etag("W/\"v1\"").first(1, cut)),
        ("weak tag beside a date", whole().etag("W/\"v1\"").last_modified(OLD).first(1, cut)),
        ("young date", whole().last_modified(now).first(1, cut)),
        ("no ranges", whole().etag("\"v1\"").ignores_ranges().first(1, cut)),
        ("another tag", changing(|r| r.etag("\"v1\""), |r| r.etag("\"v2\""))),
        (
            "another tag, condition ignored",
            changing(
                |r| r.etag("\"v1\""),
                |_| {
                    let range = format!("bytes 1000000-{}/{LENGTH}", LENGTH - 1);
                    Route::pattern(1, LENGTH - 1_000_000)
                        .with_status(206)
                        .header("Content-Range", range)
                        .etag("\"v2\"")
                },
            ),
        ),
        (
            "a lost tag",
            changing(
                |r| r.etag("\"v1\""),
                |_| {
                    let range = format!("bytes 1000000-{}/{LENGTH}", LENGTH - 1);
                    Route::pattern(1, LENGTH - 1_000_000).with_status(206).header("Content-Range", range)
                },
            ),
        ),
        (
            "another total",
            Route::by(|_, nth| {
                let length = if nth == 0 { LENGTH } else { LENGTH + 1 };
                let route = Route::pattern(1, length).etag("\"v1\"");
                if nth == 0 { route.cut(1_000_000) } else { route }
            }),
        ),
        ("no total", changing(|r| r.etag("\"v1\""), |r| r.etag("\"v1\"").hides_total())),
        (
            "another date",
            changing(|r| r.last_modified(OLD), |r| r.last_modified("Mon, 02 Mar 2026 10:00:00 GMT")),
        ),
        ("the whole again", changing(|r| r.etag("\"v1\""), |r| r.etag("\"v1\"").ignores_ranges())),
        (
            "another range",
            changing(
                |r| r.etag("\"v1\""),
                |r| r.etag("\"v1\"").content_range(format!("bytes 999999-{}/{LENGTH}", LENGTH - 2)),
            ),
        ),
        ("gone", changing(|r| r.etag("\"v1\""), |_| Route::status(404))),
        ("shrunk", changing(|r| r.etag("\"v1\""), |_| Route::pattern(1, 5).etag("\"v1\""))),
        ("no rest at all", whole().etag("\"v1\"").first(1, cut).first(9, |route| route.with_status(503))),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_proven_to_be_the_same_source_breaks_the_archive() {
    let app = App::start().await;
    for protocol in Protocol::ALL {
        for (what, route) in unprovable() {
            let origin = Origin::start().await;
            let url = origin.serve("/a", route);
            let answer = protocol.download(&app, &numbered([url])).await;
            assert_aborted(&answer, protocol, &format!("{what} {protocol:?}"));
        }
    }
}

/// A source that was probed is the same at its turn, or the archive breaks: its length was announced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changed_since_it_was_probed_breaks_the_archive() {
    let app = App::start().await;
    let grown = |nth: usize| if nth == 0 { LENGTH } else { LENGTH + 1 };
    let tag = |nth: usize| if nth == 0 { "\"v1\"" } else { "\"v2\"" };
    let routes = [
        ("grown", Route::by(move |_, nth| Route::pattern(1, grown(nth)).ignores_ranges())),
        (
            "grown under its tag",
            Route::by(move |_, nth| Route::pattern(1, grown(nth)).etag("\"v\"").ignores_ranges()),
        ),
        ("rewritten", Route::by(move |_, nth| Route::pattern(nth as u64, LENGTH).etag(tag(nth)))),
        (
            "rewritten, no ranges",
            Route::by(move |_, nth| Route::pattern(nth as u64, LENGTH).etag(tag(nth)).ignores_ranges()),
        ),
        ("gone", Route::by(|_, nth| if nth == 0 { whole().ignores_ranges() } else { Route::status(404) })),
    ];
    for (what, route) in routes {
        let origin = Origin::start().await;
        let urls = [origin.serve("/first", Route::pattern(5, 2 << 20)), origin.serve("/a", route)];
        let answer = post(&app, &numbered(urls)).send().await;
        assert_aborted(&answer, Protocol::Http11, what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definite_refusals_are_asked_once_and_passing_ones_as_often_as_allowed() {
    let (origin, app) = (Origin::start().await, App::start().await);
    for (status, requests) in [(400, 1), (401, 1), (403, 1), (404, 1), (410, 1), (451, 1), (429, 4), (500, 4)]
    {
        let path = format!("/{status}");
        let url = origin.serve(&path, Route::status(status));
        let answer = post(&app, &numbered([url])).send().await;
        assert_problem(&answer, 502, "source_status", Some(0), &path);
        assert_eq!(origin.requests_to(&path).len(), requests, "{status}");
    }
    // Cuts spend the same attempts.
    let url = origin.serve("/cut", whole().etag("\"v1\"").cut(1000));
    assert_aborted(&post(&app, &numbered([url])).send().await, Protocol::Http11, "cut always");
    assert_eq!(origin.requests_to("/cut").len(), 4);
}

/// Two answers of a source that nothing proves to be one: what came of the first must not stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_read_ahead_that_begins_anew_and_is_empty_by_then_is_empty() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let first = origin.serve("/first", Route::pattern(1, 10));
    let shrinking = origin.serve(
        "/shrinking",
        Route::by(|_, nth| {
            let route = if nth == 0 { Route::pattern(2, 5000).cut(2000) } else { Route::bytes("") };
            route.ignores_ranges().chunked()
        }),
    );
    let answer = post(&app, &numbered([first, shrinking])).send().await;
    assert_whole(&answer, &[pattern(1, 0..10), Vec::new()], "shrinking");
}

//! One link is one archive: whoever comes first decides its bytes, for all who come later or at the same time.

use std::time::Duration;

use futures_util::future::join_all;

use super::{ask, get, mint, status};
use crate::{
    pipeline::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered},
    support::{
        App,
        origin::{Origin, Route, pattern},
        redis::Redis,
    },
};

/// A source without a time of its own, whose answers come seconds apart: unless somebody decides, the entries' times do.
fn timeless(seed: u64) -> Route {
    Route::by(move |_, nth| Route::pattern(seed, 40_000).delay(Duration::from_millis(nth as u64 % 4 * 700)))
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_at_the_same_time_are_the_same_bytes() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let urls = [origin.serve("/a", timeless(1)), origin.serve("/b", timeless(2))];
    let link = mint(app.address(), &numbered(&urls)).await;
    let answers = join_all((0..12).map(|_| get(app.address(), &link))).await;
    for answer in &answers {
        assert_whole(answer, &[pattern(1, 0..40_000), pattern(2, 0..40_000)], "one of many");
        assert!(answer.body == answers[0].body, "two downloads of one link differ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_agree_on_the_bytes() {
    let redis = Redis::start().await;
    let [here, there] = super::nodes::pair(&redis).await;
    let origin = Origin::start().await;
    let urls = [origin.serve("/a", timeless(1)), origin.serve("/b", timeless(2))];
    let link = &mint(here.address(), &numbered(&urls)).await;
    let nodes = [here.address(), there.address()];
    let answers = join_all((0..8).map(|index| get(nodes[index % 2], link))).await;
    for answer in &answers {
        assert_whole(answer, &[pattern(1, 0..40_000), pattern(2, 0..40_000)], "one of many");
        assert!(answer.body == answers[0].body, "two nodes make different archives of one link");
    }
}

/// What a source told when the link was frozen proves nothing; what it tells later would.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_proves_more_later_still_comes_whole() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let long = || Route::pattern(2, 3 << 20).etag("\"v\"");
    let urls = [origin.serve("/a", Route::pattern(1, 1000)), origin.serve("/b", long().ignores_ranges())];
    let link = mint(app.address(), &numbered(&urls)).await;
    let first = get(app.address(), &link).await;
    origin.serve("/b", long());
    let second = get(app.address(), &link).await;
    for answer in [&first, &second] {
        assert_whole(answer, &[pattern(1, 0..1000), pattern(2, 0..3 << 20)], "one of two");
    }
    assert!(first.body == second.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_after_a_look_has_the_length_that_was_told() {
    let (app, origin) = (App::start().await, Origin::start().await);
    // The second answer would be longer.
    let route = Route::by(|_, nth| Route::pattern(1, 100_000 + nth as u64));
    let link = mint(app.address(), &numbered([origin.serve("/a", route)])).await;
    let head = ask("HEAD", app.address(), &link.path).await;
    assert_eq!(head.status, 200);
    assert_problem(&get(app.address(), &link).await, 502, "source_changed", Some(0), "another length");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_since_the_first_download_is_refused() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::pattern(1, 100_000).etag("\"v1\""));
    let link = mint(app.address(), &numbered([&url])).await;
    assert_whole(&get(app.address(), &link).await, &[pattern(1, 0..100_000)], "the first");
    origin.serve("/a", Route::pattern(9, 100_000).etag("\"v2\""));
    assert_problem(&get(app.address(), &link).await, 502, "source_changed", Some(0), "the second");
    assert_eq!(status(app.address(), &link).await["error"]["code"], "source_changed");
    origin.serve("/a", Route::pattern(1, 100_000).etag("\"v1\""));
    // What failed a check once is refused from then on: nobody can tell which of its bytes were sent before.
    assert_problem(&get(app.address(), &link).await, 502, "source_changed", None, "as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_beginning_freezes_nothing() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::status(403));
    let link = mint(app.address(), &numbered([&url])).await;
    assert_problem(&get(app.address(), &link).await, 502, "source_status", Some(0), "not yet there");
    origin.serve("/a", Route::pattern(1, 1000));
    assert_whole(&get(app.address(), &link).await, &[pattern(1, 0..1000)], "there now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_on_the_way_aborts() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).ignores_ranges().cut(1 << 20));
    let link = mint(app.address(), &numbered([&url])).await;
    assert_aborted(&get(app.address(), &link).await, Protocol::Http11, "cut");
    let status = status(app.address(), &link).await;
    assert_eq!((&status["state"], &status["error"]["code"]), (&"failed".into(), &"source_truncated".into()));
    assert_eq!(status["filesDone"], 0);
}

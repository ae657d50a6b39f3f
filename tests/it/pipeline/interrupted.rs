//! Sources that break off and go on reach no byte of an archive, however it is written.

use serde_json::{Value, json};

use super::compression::text;
use super::download::{assert_whole, contents, post};
use super::manifest::{assert_proven, listed};
use crate::support::App;
use crate::support::client::Answer;
use crate::support::origin::{Origin, Route, pattern};

/// The modification time of all sources, so that no clock reaches an archive.
const DATED: &str = "Mon, 02 Nov 2026 10:00:00 GMT";

/// Noise and words, short and long.
fn bodies() -> Vec<Vec<u8>> {
    let mixed = [text(7, 900_000), pattern(7, 0..900_000)].concat();
    vec![
        text(1, 50_000),
        pattern(2, 0..700_000),
        text(3, 2_500_000),
        mixed,
        pattern(5, 0..9000),
        text(6, 1 << 20),
    ]
}

/// The archive of these sources, with a manifest whose time is told.
async fn archive(app: &App, origin: &Origin, members: &Value, change: impl Fn(Route) -> Route) -> Answer {
    let file = |(index, body): (usize, Vec<u8>)| {
        let route = Route::bytes(body).etag("\"v\"").last_modified(DATED);
        json!({ "url": origin.serve(&format!("/{index}"), change(route)), "zipPath": index.to_string() })
    };
    let mut descriptor = json!({ "files": bodies().into_iter().enumerate().map(file).collect::<Vec<_>>() });
    descriptor.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = post(app, &descriptor).send().await;
    assert_whole(&answer, &bodies(), &members.to_string());
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_are_those_without_any_break() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.fetch.segment_size.0 = 100_000).await;
    for members in [
        json!({ "compression": "DEFLATE" }),
        json!({ "streamable": true }),
        json!({ "compression": "AUTO", "streamable": true }),
    ] {
        let whole = archive(&app, &origin, &members, |route| route).await;
        for cut in [3000, 400_001] {
            let cut =
                |route: Route| route.first(1, |route| route.cut(cut)).first(1, |route| route.reset(cut / 2));
            let answer = archive(&app, &origin, &members, cut).await;
            assert!(answer.body == whole.body, "{members}");
        }
        // A source of 2.5 MB and one of 1.8 MB are long here.
        let before = origin.requests_to("/2").len();
        let slow = |route: Route| route.rate(2_000_000).first(3, |route| route.rate(2_000_000).cut(90_000));
        let answer = archive(&app, &origin, &members, slow).await;
        assert!(answer.body == whole.body, "{members}, by segments");
        assert!(origin.requests_to("/2").len() > before + 5, "{members}: it was not read by segments");
    }
}

/// Sources that are read by several connections, and those that are not asked before their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manifests_tell_the_same_of_what_is_read_in_parts_and_of_what_was_not_asked() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.fetch.segment_size.0 = 100_000;
        config.archive.probe_files = 2;
    })
    .await;
    for members in [json!({}), json!({ "compression": "DEFLATE" }), json!({ "streamable": true })] {
        let route = |seed| {
            Route::pattern(seed, 1_500_000).etag("\"v\"").rate(500_000).first(2, |route| route.cut(90_000))
        };
        let mut files: Vec<_> = (0..3)
            .map(|seed| json!({ "url": origin.serve(&format!("/{seed}"), route(seed)), "zipPath": seed.to_string() }))
            .collect();
        let small = origin.serve("/small", Route::pattern(9, 1000).first(1, |route| route.cut(10)));
        files.push(json!({ "url": small, "zipPath": "small" }));
        let mut descriptor = json!({ "manifest": {}, "files": files });
        descriptor.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = post(&app, &descriptor).send().await;
        let mut bodies: Vec<_> = (0..3).map(|seed| pattern(seed, 0..1_500_000)).collect();
        bodies.extend([pattern(9, 0..1000), contents(&answer.body).pop().unwrap().1]);
        assert_whole(&answer, &bodies, &members.to_string());
        assert_proven(&answer.body, &members.to_string());
        assert!(
            listed(&answer.body, "MANIFEST.json").iter().all(|line| line["sha256"].is_string()),
            "{members}"
        );
        assert!(origin.most_answering() > 3, "{members}: {} at once", origin.most_answering());
    }
}

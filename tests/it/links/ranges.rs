//! A link's archive in parts: what a client may ask for, and what it is told.

use std::time::Duration;

use serde_json::Value;

use super::{assert_refused, becomes, expires, get, mint};
use crate::{
    pipeline::download::{assert_problem, numbered},
    support::{
        App,
        client::{Answer, Request},
        origin::{Origin, Route, pattern},
    },
};

/// Sources that prove their bytes.
fn proven(origin: &Origin) -> Value {
    let route = |seed, length| Route::pattern(seed, length).etag(format!("\"{seed}\""));
    numbered([origin.serve("/a", route(1, 300_000)), origin.serve("/b", route(2, 1000))])
}

/// A GET of a link with headers.
async fn ask(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(app.address(), path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_ranges_are_answered_as_rfc_9110_says() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let link = mint(app.address(), &proven(&origin)).await;
    let whole = get(app.address(), &link).await;
    assert!(whole.is_whole() && whole.status == 200);
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let (etag, length) = (whole.header("etag").unwrap().to_owned(), whole.body.len());
    let range = |first, last| Some(format!("bytes {first}-{last}/{length}"));
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, Option<String>, std::ops::Range<usize>);
    let cases: &[Case<'_>] = &[
        (&[("range", "bytes=0-")], 206, range(0, length - 1), 0..length),
        (&[("range", "bytes=5-9")], 206, range(5, 9), 5..10),
        (&[("range", "bytes=-100")], 206, range(length - 100, length - 1), length - 100..length),
        (&[("range", "bytes=250000-99999999")], 206, range(250_000, length - 1), 250_000..length),
        (&[("range", "bytes=0-1,5-6")], 200, None, 0..length),
        (&[("range", "lines=1-2")], 200, None, 0..length),
        (&[("range", "bytes=5-9"), ("if-range", &etag)], 206, range(5, 9), 5..10),
        (&[("range", "bytes=5-9"), ("if-range", "\"other\"")], 200, None, 0..length),
        (&[("range", "bytes=5-9"), ("if-range", "Mon, 02 Feb 2026 10:00:00 GMT")], 200, None, 0..length),
        (&[("range", "bytes=5-9"), ("if-match", "*")], 206, range(5, 9), 5..10),
        (&[("range", "bytes=5-9"), ("if-match", &etag)], 206, range(5, 9), 5..10),
        (&[("if-none-match", "\"other\"")], 200, None, 0..length),
    ];
    for (headers, status, content_range, slice) in cases {
        let answer = ask(&app, &link.path, headers).await;
        assert_eq!(answer.status, *status, "{headers:?}");
        assert!(answer.is_whole(), "{headers:?}");
        assert_eq!(answer.header("content-range"), content_range.as_deref(), "{headers:?}");
        assert_eq!(answer.header("content-length"), Some(slice.len().to_string().as_str()), "{headers:?}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()), "{headers:?}");
        assert_eq!(answer.header("content-disposition"), whole.header("content-disposition"));
        assert!(answer.body == whole.body[slice.clone()], "{headers:?}");
    }
    let known = ask(&app, &link.path, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status, known.header("etag"), known.body.len()), (304, Some(etag.as_str()), 0));
    let request = Request::new("HEAD", app.address(), &link.path).header("if-none-match", &etag);
    let known = request.send().await;
    assert_eq!((known.status, known.header("content-length")), (304, None));
    for other in ["\"x\"", "x", &format!("W/{etag}")] {
        let part = [("if-match", other), ("range", "bytes=5-9")];
        assert_refused(&ask(&app, &link.path, &part).await, 412, "precondition_failed");
    }
    let behind = ask(&app, &link.path, &[("range", &format!("bytes={length}-"))]).await;
    assert_refused(&behind, 416, "range_not_satisfiable");
    assert_eq!(behind.header("content-range"), Some(format!("bytes */{length}").as_str()));

    let head = Request::new("HEAD", app.address(), &link.path).header("range", "bytes=5-9").send().await;
    assert_eq!((head.status, head.header("etag")), (200, Some(etag.as_str())));
    assert_eq!(head.header("content-length"), Some(length.to_string().as_str()));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_may_be_the_first_that_is_asked_for() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let link = mint(app.address(), &proven(&origin)).await;
    let tail = ask(&app, &link.path, &[("range", "bytes=-1000")]).await;
    assert_eq!((tail.status, tail.body.len()), (206, 1000));
    let whole = get(app.address(), &link).await;
    assert!(whole.body.ends_with(&tail.body));
    assert_eq!(whole.header("etag"), tail.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_too_much_to_know_is_answered_with_the_whole() {
    let origin = Origin::start().await;
    for (limit, status) in [(300_999, 200), (301_000, 206)] {
        let app = App::with(|config| config.links.reread_limit.0 = limit).await;
        let link = mint(app.address(), &proven(&origin)).await;
        // The end tells of both sources, and nobody has read them.
        let tail = ask(&app, &link.path, &[("range", "bytes=-22")]).await;
        assert_eq!(tail.status, status, "{limit}");
        assert!(tail.is_whole());
        // Now somebody has.
        assert_eq!(get(app.address(), &link).await.status, 200);
        assert_eq!(ask(&app, &link.path, &[("range", "bytes=-22")]).await.status, 206, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_prove_nothing_come_whole() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let plain = origin.serve("/a", Route::pattern(1, 300_000));
    let link = mint(app.address(), &numbered([plain])).await;
    let answer = ask(&app, &link.path, &[("range", "bytes=5-9")]).await;
    assert_eq!((answer.status, answer.header("etag"), answer.header("accept-ranges")), (200, None, None));
    assert!(answer.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_began_goes_on_after_the_links_time() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        (config.links.ttl, config.links.resume_window) = (Duration::from_millis(300), Duration::from_secs(2));
    })
    .await;
    let unused = mint(app.address(), &proven(&origin)).await;
    let link = mint(app.address(), &proven(&origin)).await;
    let mut reading = Request::get(app.address(), &link.path).open().await;
    let mut begin = reading.take(100_000).await;
    drop(reading);
    expires(app.address(), &link).await;
    assert_refused(&get(app.address(), &link).await, 404, "link_not_found");
    assert_refused(&ask(&app, &unused.path, &[("range", "bytes=1-")]).await, 404, "link_not_found");
    for other in ["lines=1-", "bytes=0-1,5-6"] {
        assert_refused(&ask(&app, &link.path, &[("range", other)]).await, 404, "link_not_found");
    }
    let another = [("range", "bytes=1-"), ("if-range", "\"x\"")];
    assert_refused(&ask(&app, &link.path, &another).await, 404, "link_not_found");
    let again = [("range", "bytes=0-")];
    assert_refused(&ask(&app, &link.path, &again).await, 404, "link_not_found");
    let rest = ask(&app, &link.path, &[("range", "bytes=100000-")]).await;
    assert_eq!(rest.status, 206);
    begin.extend_from_slice(&rest.body);
    let bodies = crate::pipeline::download::contents(&begin);
    assert!(bodies[0].1 == pattern(1, 0..300_000) && bodies[1].1 == pattern(2, 0..1000));
    let done = becomes(app.address(), &link, |status| status["state"] == "done").await;
    assert_eq!(done["bytesSent"], done["bytesTotal"]);
    // The window is over in the end. Asking for bytes would begin another.
    let status = format!("{}/status", link.path);
    for _ in 0..1000 {
        if ask(&app, &status, &[]).await.status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_refused(&ask(&app, &link.path, &[("range", "bytes=1-")]).await, 404, "link_not_found");
}

/// After a link's time nothing is begun, also where a part would cost more than the whole.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_never_brings_the_whole() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        (config.links.ttl, config.links.reread_limit.0) = (Duration::from_millis(300), 0);
    })
    .await;
    let link = mint(app.address(), &proven(&origin)).await;
    drop(Request::get(app.address(), &link.path).open().await);
    expires(app.address(), &link).await;
    assert_refused(&ask(&app, &link.path, &[("range", "bytes=-22")]).await, 404, "link_not_found");
}

/// What answers a question for a part with the whole does not answer parts, whatever it says of itself.
#[tokio::test(flavor = "multi_thread")]
async fn sources_that_only_say_that_they_answer_ranges_come_whole() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let liar = |seed| {
        let route = Route::pattern(seed, 300_000).etag(format!("\"{seed}\"")).ignores_ranges();
        route.header("accept-ranges", "bytes")
    };
    let files = numbered([origin.serve("/a", liar(1)), origin.serve("/b", liar(2))]);
    let link = mint(app.address(), &files).await;
    for _ in 0..2 {
        let answer = ask(&app, &link.path, &[("range", "bytes=5-9")]).await;
        assert_eq!((answer.status, answer.header("etag"), answer.header("accept-ranges")), (200, None, None));
        assert!(answer.is_whole());
    }
}

/// A tag that is longer than what is kept of a source proves nothing: its archive comes, and comes whole.
#[tokio::test(flavor = "multi_thread")]
async fn sources_with_endless_tags_come_whole() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let route = |seed, octets| Route::pattern(seed, 3 << 20).etag(format!("\"{}\"", "e".repeat(octets)));
    for (octets, is_kept) in [(178, true), (179, false), (1000, false)] {
        let urls = [origin.serve("/a", route(1, octets)), origin.serve("/b", route(2, octets))];
        let link = mint(app.address(), &numbered(urls)).await;
        let whole = get(app.address(), &link).await;
        assert!(whole.status == 200 && whole.is_whole(), "{octets}");
        assert_eq!(whole.header("etag").is_some(), is_kept, "{octets}");
    }
}

/// A source that claims to be unchanged and is not: bytes that pass again are held against what was sent of them.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_changed_under_the_same_tag_complete_nothing() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let tagged = |seed, length| Route::pattern(seed, length).etag("\"same\"");
    for length in [300_000, 1000] {
        let files = numbered([origin.serve("/a", tagged(1, 100_000)), origin.serve("/b", tagged(2, length))]);
        let link = mint(app.address(), &files).await;
        let whole = get(app.address(), &link).await;
        assert!(whole.is_whole());
        origin.serve("/b", tagged(3, length));
        let rest = ask(&app, &link.path, &[("range", "bytes=50000-")]).await;
        assert!(rest.status == 502 || !rest.is_whole(), "{length}");
        origin.serve("/b", tagged(2, length));
        let failed = becomes(app.address(), &link, |status| status["state"] == "failed").await;
        assert_eq!(failed["error"]["code"], "source_changed", "{length}");
        let again = ask(&app, &link.path, &[("range", "bytes=50000-")]).await;
        assert_problem(&again, 502, "source_changed", None, "poisoned");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_one_link_share_its_place() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.tiers.anonymous.concurrent_archives = 1).await;
    let link = mint(app.address(), &proven(&origin)).await;
    let whole = get(app.address(), &link).await.body;
    let parts = (0..8).map(|n| {
        let (app, link) = (&app, &link);
        async move {
            ask(app, &link.path, &[("range", &format!("bytes={}-{}", n * 1000, n * 1000 + 99_999))]).await
        }
    });
    for (n, part) in futures_util::future::join_all(parts).await.into_iter().enumerate() {
        assert_eq!(part.status, 206);
        assert!(part.body == whole[n * 1000..n * 1000 + 100_000]);
    }
}

//! `onSourceError: "skip"`: what fails before its first byte is left out and listed, and nothing that fails later is.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::download::{Protocol, assert_aborted, assert_problem, contents, numbered, post};
use super::super::manifest::{assert_proven, listed};
use super::sources::{FAILING, Failing, Shows};
use super::{AT_ONCE, nothing_held, start};
use crate::support::App;
use crate::support::client::{Answer, Request};
use crate::support::origin::{Origin, Route, pattern};

/// Sources whose failure shows in what the probe tells of them, or in a body that is held back because the probe told that it
/// is short: of one that was not probed the first bytes are written by then.
const SHOWN_BY_THE_PROBE: &[&str] = &[
    "another CRC than declared, small",
    "another hash than declared, small",
    "another size than declared",
    "cut, small",
    "dribbling, small",
    "silent in a small body",
];

/// A descriptor of these sources, which may be left out.
fn skipping<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Value {
    let mut descriptor = numbered(urls);
    descriptor["onSourceError"] = json!("skip");
    descriptor
}

/// The answer is a whole archive of these files, and its manifest lists the others as skipped; returns why they are.
fn assert_skipped(answer: &Answer, files: &[(&str, Option<Vec<u8>>)], what: &str) -> Vec<(Value, Value)> {
    let shown = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
    assert_eq!((answer.status, answer.is_whole()), (200, true), "{what}: {shown} {:?}", answer.ended);
    for absent in ["content-length", "etag", "accept-ranges"] {
        assert_eq!(answer.header(absent), None, "{what}");
    }
    let list = listed(&answer.body, "MANIFEST.json");
    let mut read = contents(&answer.body);
    read.pop();
    let kept: Vec<_> =
        files.iter().filter_map(|(name, body)| Some(((*name).to_owned(), body.clone()?))).collect();
    assert!(read == kept, "{what}: {:?}", read.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert_proven(&answer.body, what);
    assert_eq!(list.len(), files.len(), "{what}");
    let mut reasons = Vec::new();
    for (line, (name, body)) in list.iter().zip(files) {
        let status = if body.is_some() { "stored" } else { "skipped" };
        assert_eq!((&line["zipPath"], &line["status"]), (&json!(name), &json!(status)), "{what}");
        assert_eq!(line.get("error").is_some(), body.is_none(), "{what}: {line}");
        if body.is_none() {
            let nothing = [&line["size"], &line["crc32"], &line["sha256"]].map(Value::is_null);
            assert_eq!(nothing, [true; 3], "{what}: {line}");
            reasons.push((line["error"]["code"].clone(), line["error"]["detail"].clone()));
        }
    }
    reasons
}

/// Runs one failing source between two good ones.
async fn run(app: &App, failing: &Failing, is_probed: bool, protocol: Protocol) {
    let good = Origin::start().await;
    let origin = match failing.tls {
        Some(tls) => Origin::start_tls(tls).await,
        None => Origin::start().await,
    };
    let mut file = (failing.file)(&origin);
    file["zipPath"] = json!("failing");
    let descriptor = json!({ "onSourceError": "skip", "files": [
        { "url": good.serve("/first", Route::pattern(8, 200_000)), "zipPath": "first" }, file,
        { "url": good.serve("/last", Route::pattern(9, 1000)), "zipPath": "last" } ]});
    let what = format!("{} probed: {is_probed} {protocol:?}", failing.what);
    let answer = tokio::time::timeout(Duration::from_secs(30), protocol.download(app, &descriptor)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{what}: no end"));
    let files =
        [("first", Some(pattern(8, 0..200_000))), ("failing", None), ("last", Some(pattern(9, 0..1000)))];
    let skipped = match failing.shows {
        _ if !is_probed && SHOWN_BY_THE_PROBE.contains(&failing.what) => None,
        Shows::Before(_, code) => Some((code, is_probed)),
        Shows::Turn(_, code) => Some((code, false)),
        Shows::Ahead if is_probed => Some(("source_truncated", true)),
        Shows::Ahead | Shows::Within => None,
    };
    let Some((code, is_known)) = skipped else {
        return assert_aborted(&answer, protocol, &what);
    };
    let reasons = assert_skipped(&answer, &files, &what);
    assert_eq!(reasons[0].0, code, "{what}");
    assert_eq!(answer.header("x-zipstream-skipped"), is_known.then_some("1"), "{what}");
}

async fn run_all(app: App, is_probed: bool) {
    let runs = FAILING.iter().flat_map(|failing| Protocol::ALL.map(|protocol| (failing, protocol)));
    let app = &app;
    let judge = |(failing, protocol): (&'static Failing, Protocol)| async move {
        let run = AssertUnwindSafe(run(app, failing, is_probed, protocol)).catch_unwind().await;
        run.is_err().then(|| format!("{} {protocol:?}", failing.what))
    };
    let wrong: Vec<_> =
        stream::iter(runs).map(judge).buffer_unordered(AT_ONCE).filter_map(ready).collect().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    nothing_held(app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_before_its_first_byte_is_left_out() {
    run_all(start(|_| {}).await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_at_its_turn_is_left_out_too() {
    run_all(start(|config| config.archive.probe_files = 1).await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_but_all_may_fail() {
    for probe_files in [256, 1] {
        let (origin, app) =
            (Origin::start().await, start(|config| config.archive.probe_files = probe_files).await);
        let missing = origin.url("/missing?signature=secret");
        // Inlined, streamed, and of a length that nobody knows.
        let good = [
            Route::pattern(0, 1000),
            Route::pattern(1, 100_000),
            Route::pattern(2, 100_000).ignores_ranges().chunked(),
        ];
        let bodies = [pattern(0, 0..1000), pattern(1, 0..100_000), pattern(2, 0..100_000)];
        let urls: Vec<_> =
            good.into_iter().enumerate().map(|(at, route)| origin.serve(&format!("/{at}"), route)).collect();
        for failing in 1..7_usize {
            for compression in ["STORE", "DEFLATE"] {
                let is_failing = |at: usize| failing >> at & 1 == 1;
                let chosen = (0..3).map(|at| if is_failing(at) { &missing } else { &urls[at] });
                let mut descriptor = skipping(chosen);
                descriptor["compression"] = json!(compression);
                for protocol in Protocol::ALL {
                    let what = format!("{failing:03b} {compression} {protocol:?}");
                    let answer = protocol.download(&app, &descriptor).await;
                    let names = ["0", "1", "2"];
                    let files: Vec<_> =
                        (0..3).map(|at| (names[at], (!is_failing(at)).then(|| bodies[at].clone()))).collect();
                    let reasons = assert_skipped(&answer, &files, &what);
                    for reason in reasons {
                        assert_eq!(
                            reason,
                            (json!("source_status"), json!("the source answered 404 Not Found"))
                        );
                    }
                    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "{what}");
                    if probe_files > 1 {
                        let count = failing.count_ones().to_string();
                        assert_eq!(answer.header("x-zipstream-skipped"), Some(count.as_str()), "{what}");
                    }
                }
            }
        }
    }
}

/// Entries that are compressed ahead of their turn are taken back as long as nothing of them is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_ahead_may_fail_too() {
    let origin = Origin::start().await;
    let good = |at: u64| origin.serve(&format!("/{at}"), Route::pattern(at, 300_000 * at));
    let cut = origin.serve("/cut", Route::pattern(9, 1000).ignores_ranges().chunked().cut(0));
    let missing = origin.url("/missing");
    let urls =
        [missing.clone(), good(1), cut.clone(), missing.clone(), good(2), good(3), missing, good(4), cut];
    let kept = [None, Some(1), None, None, Some(2), Some(3), None, Some(4), None];
    let names: Vec<_> = (0..kept.len()).map(|at| at.to_string()).collect();
    let files: Vec<_> = names
        .iter()
        .zip(kept)
        .map(|(name, at)| (name.as_str(), at.map(|at| pattern(at, 0..300_000 * at))))
        .collect();
    // Lengths that are known let entries behind stored ones be compressed ahead.
    for probed in [1, 256] {
        let app = start(|config| config.archive.probe_files = probed).await;
        // All of them compressed, and every other one.
        for stored in [10, 2] {
            let mut descriptor = skipping(&urls);
            descriptor["compression"] = json!("DEFLATE");
            for file in descriptor["files"].as_array_mut().unwrap().iter_mut().skip(1).step_by(stored) {
                file["compression"] = json!("STORE");
            }
            for protocol in Protocol::ALL {
                let answer = protocol.download(&app, &descriptor).await;
                let reasons = assert_skipped(&answer, &files, &format!("{protocol:?}, {probed}"));
                let codes: Vec<_> = reasons.iter().map(|(code, _)| code.as_str().unwrap()).collect();
                let (status, truncated) = ("source_status", "source_truncated");
                assert_eq!(codes, [status, truncated, status, status, truncated]);
            }
        }
        nothing_held(&app).await;
    }
}

/// An archive of which nothing is left is a failure, also where bytes of the descriptor's own would be in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_sources_fail_the_first_failure_is_the_answer() {
    for probe_files in [256, 1] {
        let (origin, app) =
            (Origin::start().await, start(|config| config.archive.probe_files = probe_files).await);
        let cut = origin.serve("/cut", Route::pattern(1, 1000).cut(0));
        let urls = [origin.url("/missing"), cut, origin.url("/missing")];
        for protocol in Protocol::ALL {
            let answer = protocol.download(&app, &skipping(&urls)).await;
            assert_problem(&answer, 502, "source_status", Some(0), "all of them");
        }
        let mut descriptor = skipping(&urls);
        descriptor["files"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({ "url": "data:,note", "zipPath": "note" }));
        for protocol in Protocol::ALL {
            let answer = protocol.download(&app, &descriptor).await;
            match probe_files {
                1 => assert_aborted(&answer, protocol, "behind a note"),
                _ => assert_problem(&answer, 502, "source_status", Some(1), "behind a note"),
            }
        }
        let answer =
            post(&app, &json!({ "onSourceError": "skip", "files": [{ "url": "data:,a", "zipPath": "a" }] }));
        assert_skipped(&answer.send().await, &[("a", Some(b"a".to_vec()))], "nothing that can fail");
    }
}

/// What is no source's fault, or is forbidden, refuses as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_source_is_to_blame_for_still_refuses() {
    let origin = Origin::start().await;
    let app = start(|config| config.tiers.anonymous.archive_size.0 = 100_000).await;
    let (small, large) =
        (origin.serve("/s", Route::pattern(1, 10)), origin.serve("/l", Route::pattern(1, 100_001)));
    let answer = post(&app, &skipping([&small, &large])).send().await;
    assert_problem(&answer, 413, "archive_too_large", None, "too large");
    let answer = post(&app, &skipping([small.as_str(), "http://10.0.0.1/"])).send().await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (400, json!("forbidden_url")));
    // What is left out has no size.
    let mut descriptor = skipping([small.clone(), origin.url("/missing")]);
    descriptor["files"][1]["size"] = json!(1_000_000);
    let answer = post(&app, &descriptor).send().await;
    assert_skipped(&answer, &[("0", Some(pattern(1, 0..10))), ("1", None)], "declared large");
}

/// Downloads of a link may differ in what they leave out; each says so, and none is offered in parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_asked_anew_each_time() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    let [a, b] = ["/a", "/b"].map(|path| origin.url(path));
    origin.serve("/a", Route::pattern(1, 100_000).etag("\"1\""));
    let minted = Request::post(app.address(), "/api/download-links").json(&skipping([a, b])).send().await;
    let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
    let get = || Request::get(app.address(), &path).header("Range", "bytes=5-").send();
    let state = || async {
        let status = Request::get(app.address(), &format!("{path}/status")).send().await.json();
        [&status["state"], &status["filesDone"], &status["filesSkipped"], &status["filesTotal"]]
            .map(Value::to_string)
            .join(" ")
    };
    assert_eq!(state().await, "\"waiting\" 0 0 2");
    let (first, second) = (pattern(1, 0..100_000), pattern(2, 0..100_000));
    let reasons = assert_skipped(&get().await, &[("0", Some(first.clone())), ("1", None)], "b is missing");
    assert_eq!(reasons[0].0, "source_status");
    assert_eq!(state().await, "\"done\" 1 1 2");
    origin.serve("/b", Route::pattern(2, 100_000));
    let answer = get().await;
    assert_skipped(&answer, &[("0", Some(first)), ("1", Some(second.clone()))], "b has come");
    assert_eq!((answer.header("x-zipstream-skipped"), state().await.as_str()), (None, "\"done\" 2 0 2"));
    // What the first download was told of a source still holds.
    origin.serve("/a", Route::pattern(3, 100_000).etag("\"2\""));
    let reasons = assert_skipped(&get().await, &[("0", None), ("1", Some(second))], "a has changed");
    assert_eq!(reasons[0].0, "source_changed");
}

/// What broke one download off need not break the next, which leaves it out where it still can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_whose_download_failed_can_be_used_again() {
    let (origin, app) = (Origin::start().await, start(|_| {}).await);
    let urls = [origin.serve("/a", Route::pattern(1, 1000)), origin.serve("/b", Route::pattern(3, 300_000))];
    let mut descriptor = skipping(urls);
    descriptor["files"][1]["sha256"] = json!(hex::encode(Sha256::digest(pattern(2, 0..300_000))));
    let minted = Request::post(app.address(), "/api/download-links").json(&descriptor).send().await;
    let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
    let get = || Request::get(app.address(), &path).send();
    assert_aborted(&get().await, Protocol::Http11, "other bytes than declared");
    origin.serve("/b", Route::status(404));
    assert_skipped(&get().await, &[("0", Some(pattern(1, 0..1000))), ("1", None)], "gone");
    origin.serve("/b", Route::pattern(2, 300_000));
    let files = [("0", Some(pattern(1, 0..1000))), ("1", Some(pattern(2, 0..300_000)))];
    assert_skipped(&get().await, &files, "as declared");
}

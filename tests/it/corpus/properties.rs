//! Whatever octets come, from clients or from sources: an answer, or an end, and a service that goes on.
//!
//! Parsers alone are tried elsewhere (`descriptor::properties`, `fetch::content_range`); here the whole service is.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::case::Outcome;
use super::{World, contents, hurried};
use crate::support::client::{Connection, Request};
use crate::support::origin::{Origin, Route};

/// Far above every clock of the tests' configuration.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done to a sound text.
#[derive(Clone, Debug)]
enum Edit {
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = any::<prop::sample::Index>;
    let pieces: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\0",
        b"\"",
        b"\\",
        b"{",
        b"]",
        b",",
        b":",
        b"\xff",
        b"-1",
        b"99999999999999999999",
        b"null",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"\\ud800",
    ];
    let piece = prop_oneof![
        2 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..9),
    ];
    let edit = prop_oneof![
        4 => (place(), piece).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        3 => (place(), 1_usize..9).prop_map(|(at, octets)| Edit::Remove(at, octets)),
        1 => (place(), 1_usize..64).prop_map(|(at, octets)| Edit::Repeat(at, octets)),
        1 => place().prop_map(Edit::Truncate),
    ];
    prop::collection::vec(edit, 1..4)
}

fn apply(text: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for edit in edits {
        let room = |at: &prop::sample::Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match edit {
            Edit::Insert(at, piece) => {
                let at = room(&at, &bytes);
                bytes.splice(at..at, piece);
            }
            Edit::Remove(at, octets) => {
                let at = room(&at, &bytes);
                bytes.drain(at..bytes.len().min(at + octets));
            }
            Edit::Repeat(at, octets) => {
                let at = room(&at, &bytes);
                let piece = bytes[at..bytes.len().min(at + octets)].to_vec();
                bytes.splice(at..at, piece);
            }
            Edit::Truncate(at) => bytes.truncate(room(&at, &bytes)),
        }
    }
    bytes
}

/// Runs a property over the edits of a text, and then asks whether the service still lives.
async fn over_edits(
    world: World,
    cases: u32,
    property: impl Fn(&Handle, &World, Vec<Edit>) + Send + 'static,
) {
    let runtime = Handle::current();
    let run = move || {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let run = runner.run(&edits(), |edits| {
            property(&runtime, &world, edits);
            Ok(())
        });
        run.unwrap();
        let health = Request::get(world.app.address(), "/healthz").send();
        assert_eq!(runtime.block_on(health).status, 200);
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

fn descriptor() -> String {
    let headers = json!({ "Authorization": "Bearer x" });
    json!({
        "suggestedFilename": "a.zip", "compression": "DEFLATE",
        "files": [
            { "url": "http://src.example.net/a.txt", "zipPath": "a/é.txt", "headers": headers, "size": 4 },
            { "url": "data:,x", "zipPath": "b", "mode": "0600", "lastModified": "2026-11-19T23:00:00Z" },
            { "zipPath": "empty/" },
        ],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_descriptors_are_archives_or_problems() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::bytes("body"));
    let world = World::with(origin.address(), hurried).await;
    over_edits(world, 400, |runtime, world, edits| {
        let body = apply(descriptor().as_bytes(), edits);
        let answer = runtime.block_on(timeout(PATIENCE, world.post(body))).expect("an answer");
        let outcome = Outcome::of(&answer);
        assert!(!outcome.aborted, "{answer:?}");
        if outcome.status == 200 {
            assert!(!contents(&answer.body).is_empty());
        } else {
            assert!(outcome.code.is_some(), "{answer:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_get_an_answer_or_an_end() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::bytes("body"));
    let world = World::with(origin.address(), |config| {
        hurried(config);
        config.server.header_timeout = Duration::from_millis(300);
        config.server.body_timeout = Duration::from_millis(300);
    })
    .await;
    over_edits(world, 100, |runtime, world, edits| {
        let request = Request::post(world.app.address(), "/api/downloads").header("Connection", "close");
        let bytes = apply(&request.body(descriptor()).bytes(), edits);
        runtime.block_on(async {
            let mut connection = Connection::open(world.app.address()).await;
            connection.send(&bytes).await;
            let (octets, _) = timeout(PATIENCE, connection.drain()).await.expect("an end");
            let answered = octets.is_empty() || octets.starts_with(b"HTTP/1.");
            // A mutated beginning may speak HTTP/2, which answers in frames.
            assert!(answered || bytes.starts_with(b"PRI"), "{:?}", String::from_utf8_lossy(&octets));
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_answers_of_a_source_are_archives_problems_or_aborts() {
    let origin = Origin::start().await;
    let world = World::with(origin.address(), |config| {
        hurried(config);
        config.fetch.attempts = 1;
    })
    .await;
    let sound: [&[u8]; 3] = [
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/4\r\nContent-Length: 4\r\nETag: \"v1\"\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLast-Modified: Mon, 02 Nov 2026 10:00:00 GMT\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n",
    ];
    over_edits(world, 300, move |runtime, world, edits| {
        for sound in sound {
            origin.serve("/a.txt", Route::raw(apply(sound, edits.clone())));
            let descriptor = json!({ "files": [{ "url": "http://src.example.net/a.txt", "zipPath": "a" }] });
            let answer = runtime.block_on(timeout(PATIENCE, world.download(&descriptor))).expect("an answer");
            let outcome = Outcome::of(&answer);
            match outcome.status {
                200 if !outcome.aborted => assert_eq!(contents(&answer.body).len(), 1),
                200 => {}
                status => assert!((400..600).contains(&status) && outcome.code.is_some(), "{answer:?}"),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_range_is_never_believed_against_the_body() {
    let origin = Origin::start().await;
    let world = World::with(origin.address(), |config| {
        hurried(config);
        config.fetch.attempts = 1;
    })
    .await;
    let runtime = Handle::current();
    let run = move || {
        let mut runner =
            TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
        let number = prop_oneof![
            (0_u64..12).prop_map(|it| it.to_string()),
            Just("*".to_owned()),
            Just("-1".to_owned())
        ];
        let ranges = (number.clone(), number.clone(), number, 0_usize..12);
        let run = runner.run(&ranges, |(first, last, total, length)| {
            let body = "0123456789ab"[..length].to_owned();
            let range = format!("bytes {first}-{last}/{total}");
            origin
                .serve("/a.txt", Route::bytes(body.clone()).with_status(206).header("Content-Range", &range));
            let descriptor = json!({ "files": [{ "url": "http://src.example.net/a.txt", "zipPath": "a" }] });
            let answer = runtime.block_on(timeout(PATIENCE, world.download(&descriptor))).expect("an answer");
            let outcome = Outcome::of(&answer);
            if outcome.status == 200 && !outcome.aborted {
                // Whole only where the range says that this is all there is.
                let whole =
                    first == "0" && last == (length as i64 - 1).to_string() && total == length.to_string();
                assert!(whole, "{range} over {length} octets");
                assert_eq!(contents(&answer.body), [("a".to_owned(), body.into_bytes())]);
            }
            Ok(())
        });
        run.unwrap();
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

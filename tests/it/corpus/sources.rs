//! The cases of the category `source`: whatever a source does, the answer is a problem before the first byte, an aborted
//! stream after it, or the archive of exactly the source's bytes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::case::{Outcome, Tally, body, cases};
use super::script::{Script, descriptor};
use super::{World, contents, hurried, nested_zip};
use crate::support::client::{Abort, Ended, Request, http2};
use crate::support::origin::{Origin, Route};
use crate::support::readers::{Kind, judge};

/// The cases over 4 GiB.
const LARGE: [&str; 2] = ["d-289", "d-291"];

/// The cases where `expect` names another lawful outcome first, with our choice: lengths and sums that no archive may have
/// are told as 413, since the client can change them.
const CHOSEN: [&str; 2] = ["d-251", "d-253"];

/// Cases that are played at the same time.
const SIDE_BY_SIDE: usize = 8;
/// Far above what the hurried clocks and their retries take.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn every_source_has_its_outcome() {
    let mut waiting: Vec<Value> = cases("source");
    assert_eq!(waiting.iter().filter(|case| case["id"].as_str().unwrap().starts_with("d-")).count(), 35);
    waiting.retain(|case| !LARGE.contains(&case["id"].as_str().unwrap()));
    waiting.reverse();
    let mut tally = Tally::default();
    let mut playing = JoinSet::new();
    while !waiting.is_empty() || !playing.is_empty() {
        while let Some(case) = waiting.pop_if(|_| playing.len() < SIDE_BY_SIDE) {
            // A thread each: the service under test is not shared between threads.
            let runtime = Handle::current();
            playing.spawn_blocking(move || runtime.block_on(play(case)));
        }
        let Some(played) = playing.join_next().await else { break };
        let (case, outcome, complaint) = played.unwrap();
        tally.judge(&case, &outcome);
        if let Some(complaint) = complaint {
            tally.complain(&case, complaint);
        }
    }
    tally.finish(&CHOSEN);
}

/// Plays one case; says what came of it, and what is wrong beyond its status.
async fn play(case: Value) -> (Value, Outcome, Option<String>) {
    let script = Script::play(&case).await;
    let descriptor = descriptor(&case, &script.world);
    let nothing = Outcome { status: 0, code: None, aborted: true };
    let Ok(answer) = timeout(PATIENCE, script.world.download(&descriptor)).await else {
        return (case, nothing, Some("no end".to_owned()));
    };
    let outcome = Outcome::of(&answer);
    let complaint = if answer.status == 200 && answer.is_whole() {
        examine(&case, &script, &descriptor, &answer.body)
    } else {
        leaks(&answer.headers)
    };
    let identity =
        |request: &crate::support::origin::Request| request.header("accept-encoding") == Some("identity");
    let complaint = complaint.or_else(|| {
        let all = script.origin.requests().iter().all(identity);
        (!all).then(|| "asked for a coded answer".to_owned())
    });
    (case, outcome, complaint)
}

/// What is wrong with a whole archive.
fn examine(case: &Value, script: &Script, descriptor: &Value, archive: &[u8]) -> Option<String> {
    let entries = contents(archive);
    let files = descriptor["files"].as_array().unwrap();
    if entries.len() != files.len() {
        return Some(format!("{} entries of {}", entries.len(), files.len()));
    }
    let named =
        |((name, _), file): (&(String, Vec<u8>), &Value)| file["zipPath"].as_str() == Some(name.as_str());
    if !entries.iter().zip(files).all(named) {
        return Some("other names".to_owned());
    }
    if let Some((name, bytes)) = entries.iter().find(|(_, bytes)| *bytes != script.body) {
        return Some(format!("{name} has {} bytes of {}, or others", bytes.len(), script.body.len()));
    }
    let told = case["expect"]["archive"]["a.txt"].as_str()?;
    let holds = match told {
        "first 500 bytes" => script.body.len() == 500,
        told => script.body == told.as_bytes(),
    };
    (!holds).then(|| format!("the archive is not {told:?}"))
}

/// What of the source's head reached the client.
fn leaks(headers: &[(String, String)]) -> Option<String> {
    let foreign = ["set-cookie", "clear-site-data", "x-source", "location", "server"];
    let leaked = headers.iter().find(|(name, _)| foreign.contains(&name.as_str()));
    leaked.map(|(name, _)| format!("the source's {name} reached the client"))
}

/// A chunked body that is cut at once: it fails when nothing of the archive has left yet.
async fn cut_at_once() -> (Origin, World, Value) {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, 1000).chunked().ignores_ranges().cut(500));
    let world = World::with(origin.address(), hurried).await;
    (origin, world, json!({ "files": [{ "url": "http://src.example.net/a.txt", "zipPath": "a" }] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_fails_at_once_is_seen_to_fail() {
    let (_origin, world, descriptor) = cut_at_once().await;
    for _ in 0..20 {
        let answer = world.download(&descriptor).await;
        assert_eq!((answer.status, answer.ended), (200, Ended::Aborted(Abort::Closed)));
        assert!(answer.body.starts_with(b"PK\x03\x04"));
    }
    let old = Request::post(world.app.address(), "/api/downloads").json(&descriptor).http10().send().await;
    assert_eq!(old.ended, Ended::Aborted(Abort::Reset));
    let mut connection = http2::Connection::open(world.app.address()).await;
    let answer = connection.send(connection.request("POST", "/api/downloads", descriptor.to_string())).await;
    assert!(matches!(answer.ended, Ended::Aborted(Abort::StreamReset(_))), "{:?}", answer.ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_full_of_signatures_are_read_by_all() {
    let origin = Origin::start().await;
    let nested = nested_zip();
    let many = nested.repeat(200_000 / nested.len() + 1);
    for (content, kind) in [(nested, Kind::Known), (many, Kind::StreamedStore)] {
        origin.serve("/a.txt", Route::bytes(content.clone()));
        let world = World::start(origin.address()).await;
        let answer =
            world.post(body(&cases("source").into_iter().find(|case| case["id"] == "d-283").unwrap())).await;
        assert_eq!((answer.status, answer.is_whole()), (200, true));
        judge(&answer.body, &[("a.txt".to_owned(), content)], kind);
    }
}

//! The corpus as validations: they never fail, and say of every case what its download says.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::case::{body, cases};
use super::descriptors::{CATEGORIES, serve_sources};
use super::problems::checked as problem;
use super::script::{Script, descriptor};
use super::{World, hurried};
use crate::preflight::checked;
use crate::support::dns;
use crate::support::origin::{Origin, Route, refused};

/// The sources over 4 GiB, of which a validation reads a byte and a download all.
const LARGE: [&str; 2] = ["d-289", "d-291"];
/// Cases that are played at the same time.
const SIDE_BY_SIDE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_body_is_told_what_its_download_is() {
    let origin = Origin::start().await;
    let world = World::start(origin.address()).await;
    let (mut valid, mut invalid, mut refused) = (0, 0, 0);
    for case in CATEGORIES.iter().flat_map(|(category, _)| cases(category)) {
        let id = &case["id"];
        serve_sources(&origin, &case);
        let download = world.post(body(&case)).await;
        let validation = world.validate(body(&case)).await;
        if validation.status != 200 {
            refused += 1;
            assert_eq!(validation.status, download.status, "{id}");
            let (said, expected) = (problem(&validation), problem(&download));
            for member in ["code", "detail", "errors"] {
                assert_eq!(said[member], expected[member], "{id}");
            }
            continue;
        }
        let told = checked(&validation);
        if download.status == 200 {
            valid += 1;
            assert_eq!((&told["errors"], &told["valid"]), (&json!([]), &json!(true)), "{id}: {told}");
            if let Some(length) = told["archiveSize"].as_u64() {
                assert_eq!(length, download.body.len() as u64, "{id}");
            }
        } else {
            invalid += 1;
            assert_eq!(told["errors"], problem(&download)["errors"], "{id}");
        }
    }
    assert!(valid > 80 && invalid > 150 && refused > 20, "{valid} {invalid} {refused}");
}

/// A validation sees the heads of sources: what it calls invalid no download delivers, and by the same code.
#[tokio::test(flavor = "multi_thread")]
async fn every_source_is_told_what_its_download_is() {
    let mut waiting = cases("source");
    waiting.retain(|case| !LARGE.contains(&case["id"].as_str().unwrap()));
    let (mut playing, mut invalid) = (JoinSet::new(), 0);
    while !waiting.is_empty() || !playing.is_empty() {
        while let Some(case) = waiting.pop_if(|_| playing.len() < SIDE_BY_SIDE) {
            // A thread each: the service under test is not shared between threads.
            let runtime = Handle::current();
            playing.spawn_blocking(move || runtime.block_on(play(&case)));
        }
        let Some(played) = playing.join_next().await else { break };
        invalid += usize::from(played.unwrap());
    }
    assert!(invalid > 20, "{invalid}");
}

/// Plays a case twice, for what was asked once may be answered otherwise; says whether it is invalid.
async fn play(case: &Value) -> bool {
    let id = &case["id"];
    let script = Script::play(case).await;
    let asked = descriptor(case, &script.world).to_string();
    let validation = timeout(Duration::from_secs(20), script.world.validate(asked)).await.unwrap();
    let told = checked(&validation);
    let script = Script::play(case).await;
    let download = script.world.download(&descriptor(case, &script.world)).await;
    if told["valid"] == false {
        let problem = problem(&download);
        assert_eq!(told["errors"][0]["code"], problem["code"], "{id}: {told} {problem}");
    } else if download.status != 200 {
        let code = &problem(&download)["code"];
        // Of a body's end only who reads it knows.
        let is_of_the_body = ["source_truncated", "source_timeout", "source_protocol", "source_mismatch"]
            .iter()
            .any(|body| code == body);
        assert!(is_of_the_body, "{id}: valid, and the download says {code}");
    }
    told["valid"] == false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_network_stays_dark() {
    let origin = Origin::start().await;
    origin.serve("/", Route::bytes("body"));
    let world = World::with(origin.address(), hurried).await;
    let mut answers = Vec::new();
    for (name, address) in
        [("up.example.net", "10.0.0.7"), ("down.example.net", "10.0.0.8"), ("six.example.net", "fd00::9")]
    {
        world.dns.script(name, vec![dns::Answer::addresses(&[address])]);
        world.redirect_dials(if name.starts_with("up") { origin.address() } else { refused().await });
        let url = format!("http://{name}/?SIGNATURE");
        let descriptor =
            json!({ "files": [{ "url": url, "zipPath": "a", "headers": { "X": "SIGNATURE" } }] });
        let told = checked(&world.validate(descriptor.to_string()).await).to_string();
        for secret in ["SIGNATURE", "10.0.0", "fd00"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
        answers.push(told.replace(name, "…"));
    }
    assert!(answers[0].contains("forbidden_url"), "{}", answers[0]);
    assert_eq!((&answers[0], &answers[0]), (&answers[1], &answers[2]), "the answers tell networks apart");
    assert!(world.dialled().is_empty());
}

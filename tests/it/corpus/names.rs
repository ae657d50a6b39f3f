//! Names that lead nowhere: one that does not exist is answered at once, one that nobody can tell of is asked for again.

use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::RecordType;
use serde_json::json;

use super::World;
use super::problems::checked;
use crate::support::dns::Answer;
use crate::support::origin::{Origin, Route};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_exist_is_asked_for_once() {
    let origin = Origin::start().await;
    let world = World::start(origin.address()).await;
    world.dns.script("missing.example.net", vec![Answer::Missing]);
    world.dns.script("empty.example.net", vec![Answer::Addresses(Vec::new())]);
    for name in ["missing.example.net", "empty.example.net"] {
        let file = json!({ "url": format!("http://{name}/a"), "zipPath": "a" });
        let begun = Instant::now();
        let answer = world.download(&json!({ "files": [file] })).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{name}: {:?}", begun.elapsed());
        let problem = checked(&answer);
        assert_eq!((answer.status, &problem["code"]), (502, &json!("source_unreachable")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().ends_with("its name does not exist"), "{problem}");
        assert_eq!(world.dns.lookups(name, RecordType::A), 1, "{name}");
    }
    assert!(world.dialled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_in_trouble_is_asked_again() {
    let origin = Origin::start().await;
    origin.serve("/a", Route::bytes("body"));
    let world = World::start(origin.address()).await;
    // The DNS library asks twice before it gives up.
    let mut answers = vec![Answer::Failure; 3];
    answers.push(Answer::addresses(&[super::PUBLIC]));
    world.dns.script("failing.example.net", answers);
    let file = json!({ "url": "http://failing.example.net/a", "zipPath": "a" });
    let answer = world.download(&json!({ "files": [file] })).await;
    assert!(answer.status == 200 && answer.is_whole(), "{}", answer.status);
    assert!(world.dns.lookups("failing.example.net", RecordType::A) > 3);
}

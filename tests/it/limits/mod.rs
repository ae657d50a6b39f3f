//! Who may have how much, through the whole service: keys and addresses, quotas, archives at the same time, floods.

mod addresses;
mod concurrent;
mod floods;
mod hourly;
mod keys;
mod nodes;
mod traces;

use futures_util::future::join_all;
use serde_json::json;
use zipstream::limits::{Key, Tier};

use crate::support::App;
use crate::support::client::{Answer, Ended, Request};

/// A descriptor that needs no source.
fn hello() -> serde_json::Value {
    json!({ "files": [{ "url": "data:,hello", "zipPath": "hello.txt" }] })
}

/// A request for its archive.
fn post(app: &App) -> Request {
    Request::post(app.address(), "/api/downloads").json(&hello())
}

/// The same with a key.
fn post_with(app: &App, key: &str) -> Request {
    post(app).header("Authorization", &format!("Bearer {key}"))
}

/// The same through a proxy that was asked from this address.
fn post_from(app: &App, forwarded: &str) -> Request {
    post(app).header("X-Forwarded-For", forwarded)
}

/// Sends all at once; says how many were answered with an archive, and that the others were refused for the hour.
async fn granted(requests: impl IntoIterator<Item = Request>) -> usize {
    let answers = join_all(requests.into_iter().map(Request::send)).await;
    let (granted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in others {
        assert_refused(answer, 429, "rate_limited");
    }
    granted.len()
}

/// The answer is an archive.
fn assert_granted(answer: &Answer) {
    let shown = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(400)]).into_owned();
    assert_eq!((answer.status, &answer.ended), (200, &Ended::Whole), "{}", shown());
}

/// The answer is a problem with this status and code.
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_ne!(answer.status, 200, "expected {code}");
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (status, &json!(code)), "{problem}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

/// A number in a header.
fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers));
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

/// A tier in which a client may have so many archives an hour.
fn tier(archives_per_hour: u32) -> Tier {
    Tier {
        archive_size: zipstream::value::ByteSize(1_000_000),
        archives_per_hour,
        concurrent_archives: 100,
        files: 50,
        validations_per_hour: 60,
    }
}

/// The key that `secret` is, of this name and tier.
fn key(name: &str, tier: &str, secret: &str) -> Key {
    Key::of_secret(name, tier, secret).unwrap()
}

//! Links over HTTP: what they promise to whoever holds a token, and what they never tell anybody else.

mod bounds;
mod browser;
mod cutter;
mod downloads;
mod freezing;
mod lifetime;
mod limits;
mod nodes;
mod outage;
mod poison;
mod ranges;
mod resume;
mod secrecy;
mod status;

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use crate::support::client::{Answer, Request};

/// A link as its minter knows it.
#[derive(Clone, Debug)]
struct Link {
    path: String,
    token: String,
}

/// Mints a link, which must succeed.
async fn mint(address: SocketAddr, descriptor: &Value) -> Link {
    let answer = post(address, descriptor).await;
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    let link = answer.json();
    let text = |name: &str| link[name].as_str().unwrap().to_owned();
    Link { path: text("downloadUrl"), token: text("token") }
}

async fn post(address: SocketAddr, descriptor: &Value) -> Answer {
    Request::post(address, "/api/download-links").json(descriptor).send().await
}

async fn get(address: SocketAddr, link: &Link) -> Answer {
    Request::get(address, &link.path).send().await
}

async fn ask(method: &str, address: SocketAddr, path: &str) -> Answer {
    Request::new(method, address, path).send().await
}

/// The state of a link's latest download.
async fn status(address: SocketAddr, link: &Link) -> Value {
    let answer = ask("GET", address, &format!("{}/status", link.path)).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// Waits for a state; over Redis it may take a second.
async fn becomes(address: SocketAddr, link: &Link, holds: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1000 {
        let status = status(address, link).await;
        if holds(&status) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", status(address, link).await);
}

/// Waits until the link can no longer be used.
async fn expires(address: SocketAddr, link: &Link) {
    for _ in 0..1000 {
        if ask("HEAD", address, &link.path).await.status == 404 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not expire");
}

/// The answer is this problem.
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.json()["code"], code);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let retry = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    assert_eq!(retry.is_some(), matches!(status, 429 | 503), "{retry:?}");
}

/// A descriptor that needs no source.
fn sourceless() -> Value {
    json!({ "files": [{ "url": "data:,hello", "zipPath": "hello.txt" }] })
}

//! The cases of the category `http`: methods, targets, framing, headers and versions, octet by octet on a raw socket.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::case::{Outcome, Tally, body, cases};
use super::{World, contents};
use crate::support::client::{Answer, Connection};
use crate::support::origin::{Origin, Route};

/// Far above what any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cases where `expect` names another lawful outcome first, with our choice: a coded body is of an unsupported type
/// before it is too large, a bare line feed ends a line (RFC 9112 §2.2), and `Host` says nothing to this service.
const CHOSEN: [&str; 3] = ["d-199", "d-203", "d-207"];

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_its_outcome() {
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::bytes("body"));
    let world = World::start(origin.address()).await;
    let mut tally = Tally::default();
    let cases = cases("http");
    assert_eq!(cases.iter().filter(|case| case["id"].as_str().unwrap().starts_with("d-")).count(), 15);
    for case in &cases {
        let before = origin.requests().len();
        let Ok(answer) = timeout(PATIENCE, ask(&world, case)).await else {
            tally.complain(case, "no answer");
            continue;
        };
        tally.judge(case, &Outcome::of(&answer));
        if let Err(complaint) = examine(case, &answer, origin.requests().len() > before) {
            tally.complain(case, complaint);
        }
    }
    tally.finish(&CHOSEN);
}

/// Sends a case's request and reads its answer.
async fn ask(world: &World, case: &Value) -> Answer {
    let mut connection = Connection::open(world.app.address()).await;
    connection.send(&request(world, case)).await;
    if case["client"] == "chunked_endless" {
        // Until the answer: far more than the limit, and never the last chunk.
        let chunk = format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536)).into_bytes();
        for _ in 0..64 {
            connection.send(&chunk).await;
        }
    }
    let method = case["method"].as_str().unwrap_or("POST");
    connection.reading(method, None).await.finish().await
}

/// Writes a case's request.
fn request(world: &World, case: &Value) -> Vec<u8> {
    let text = |name: &str| case[name].as_str();
    let path = match case["long_path"].as_u64() {
        Some(octets) => format!("/{}", "x".repeat(octets as usize)),
        None => text("path").unwrap_or("/api/downloads").to_owned(),
    };
    let version = text("http_version").unwrap_or("1.1");
    let mut lines = vec![format!("{} {path} HTTP/{version}", text("method").unwrap_or("POST"))];
    let raw: Vec<&str> =
        case["raw_headers"].as_array().into_iter().flatten().map(|line| line.as_str().unwrap()).collect();
    if !raw.contains(&"-Host") {
        lines.push(format!("Host: {}", world.app.address()));
    }
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        lines.push(format!("{name}: {}", value.as_str().unwrap()));
    }
    lines.extend(raw.iter().filter(|line| **line != "-Host").map(|line| (*line).to_owned()));
    if let Some(octets) = case["long_header"].as_u64() {
        lines.push(format!("X-A: {}", "x".repeat(octets as usize)));
    }
    let (body, framing) = framed_body(case);
    let is_framed = lines.iter().any(|line| line.to_ascii_lowercase().starts_with("content-length"));
    lines.extend(framing.filter(|_| !is_framed));
    let mut bytes = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// A case's body as it goes over the wire, and the header that frames it.
fn framed_body(case: &Value) -> (Vec<u8>, Option<String>) {
    if let Some(tail) = case["raw_tail"].as_str() {
        return (tail.as_bytes().to_vec(), None);
    }
    if case["tail_build"].is_object() {
        return (super::case::body(&serde_json::json!({ "raw_build": case["tail_build"] })), None);
    }
    let plain = body(case);
    match case["client"].as_str() {
        None if case["headers"]["Content-Length"].is_string() => (Vec::new(), None),
        None => {
            let length = format!("Content-Length: {}", plain.len());
            (plain, Some(length))
        }
        Some("chunked") => {
            let mut chunk = format!("{:x}\r\n", plain.len()).into_bytes();
            chunk.extend(plain);
            chunk.extend(b"\r\n0\r\n\r\n");
            (chunk, None)
        }
        Some("chunked_endless") => (Vec::new(), Some("Transfer-Encoding: chunked".to_owned())),
        Some(other) => panic!("{}: nobody plays the client {other:?}", case["id"]),
    }
}

/// Looks at what the status does not tell.
fn examine(case: &Value, answer: &Answer, fetched: bool) -> Result<(), String> {
    let must = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(format!("{what}: {} {:?}", answer.status, answer.headers)) }
    };
    if let Some(allow) = case["expect"]["header"].as_str().and_then(|header| header.strip_prefix("Allow: ")) {
        must(answer.header("allow") == Some(allow), "Allow")?;
    }
    if case["method"] == "TRACE" {
        must(!String::from_utf8_lossy(&answer.body).contains("src.example.net"), "an echo")?;
    }
    if case["method"] == "HEAD" {
        must(answer.body.is_empty(), "a body")?;
    }
    if answer.status != 200 {
        return must(!fetched, "a refused request fetched something");
    }
    must(case["method"] == "OPTIONS" || fetched, "nothing was fetched")?;
    if case["method"] == "OPTIONS" {
        return Ok(());
    }
    must(answer.is_whole(), "cut")?;
    must(answer.header("accept-ranges").is_none() && answer.header("content-range").is_none(), "ranges")?;
    must(answer.header("content-encoding").is_none(), "a content coding")?;
    let is_old = case["http_version"] == "1.0";
    must(!is_old || answer.header("transfer-encoding").is_none(), "chunks for HTTP/1.0")?;
    let expected = [("a.txt".to_owned(), b"body".to_vec())];
    must(contents(&answer.body) == expected, "another archive")
}

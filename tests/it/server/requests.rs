//! What is answered to requests that are not as they should be, and what every answer carries.

use std::fmt::Write as _;

use serde_json::Value;
use zipstream::{
    app::{App, Overrides},
    config::{Sources, load},
    descriptor::{Descriptor, Limits},
    egress,
};

use super::*;

async fn service() -> Running {
    let environment = [("SERVER__BODY_LIMIT", "1000"), ("SERVER__BODY_TIMEOUT", "200ms")];
    let environment = environment.map(|(name, value)| (format!("ZIPSTREAM__{name}"), value.to_owned()));
    let loaded = load(&Sources { environment: environment.to_vec(), ..Sources::default() }).unwrap();
    let app = App::build(&loaded.config, &[], Overrides::default()).unwrap();
    Running::start(app.router, config()).await
}

const DESCRIPTOR: &str = r#"{"files":[{"url":"data:,hello","zipPath":"hello.txt"}]}"#;

fn request(line: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for header in headers {
        write!(text, "{header}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(text, "content-length: {}\r\n", body.len()).unwrap();
    }
    text + "\r\n" + body
}

/// The status, the head and the problem of an answer.
fn problem(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], status);
    assert!(head.contains(&format!("x-request-id: {}", problem["requestId"].as_str().unwrap())), "{answer}");
    (status, head.to_owned(), problem)
}

async fn expect(request: &str, status: u16, code: &str) -> (String, Value) {
    let answer = service().await.ask(request).await;
    let (is, head, problem) = problem(&answer);
    assert_eq!((is, problem["code"].as_str().unwrap()), (status, code), "{answer}");
    (head, problem)
}

#[tokio::test]
async fn an_archive_is_answered() {
    let answer =
        service().await.ask(&request("POST /api/downloads", &["range: bytes=1-2"], DESCRIPTOR)).await;
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for header in [
        "content-type: application/zip",
        "content-disposition: attachment",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "x-accel-buffering: no",
        "x-request-id: ",
        "access-control-allow-origin: *",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("\naccept-ranges:"), "{head}");
}

#[tokio::test]
async fn the_examples_are_lawful() {
    let answer = service()
        .await
        .ask(&request("POST /api/downloads", &[], include_str!("../../../examples/hello.json")))
        .await;
    assert!(answer.contains("filename=\"hello.zip\""), "{answer}");
    let policy =
        egress::Policy::new(&load(&Sources::default()).unwrap().config.egress, egress::Own::default());
    let examples = [
        &include_bytes!("../../../examples/mixed.json")[..],
        include_bytes!("../../../examples/backup.json"),
    ];
    for example in examples {
        assert!(Descriptor::parse(example, Limits { files: 50 }, &policy).is_ok());
    }
}

#[tokio::test]
async fn bodies_are_read_as_json_from_lenient_types_only() {
    let post = |header: &'static str| request("POST /api/downloads", &[header], DESCRIPTOR);
    for header in
        ["accept: */*", "content-type: application/x-www-form-urlencoded", "content-type: text/plain"]
    {
        assert!(service().await.ask(&post(header)).await.starts_with("HTTP/1.1 200 "), "{header}");
    }
    for header in ["content-type: application/xml", "content-encoding: gzip"] {
        expect(&post(header), 415, "unsupported_media_type").await;
    }
}

#[tokio::test]
async fn what_is_not_json_is_a_violation() {
    expect(&request("POST /api/downloads", &[], "{"), 400, "invalid_json").await;
    expect(&request("POST /api/downloads", &["content-length: 0"], ""), 400, "invalid_json").await;
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let head = request("POST /api/downloads", &["content-length: 1001", "expect: 100-continue"], "");
    let answer = service().await.ask(&head).await;
    assert_eq!(problem(&answer).0, 413, "{answer}");
    // A client that sends it nevertheless, far more than the kernel holds, still gets rid of it and reads its answer.
    let text = request("POST /api/downloads", &[], &"x".repeat(30_000_000));
    expect(&text, 413, "body_too_large").await;
}

/// A client that was refused before it had sent its body learns that no other request can be read behind it.
#[tokio::test]
async fn a_refusal_announces_whether_the_connection_ends() {
    let post = |headers: &[&'static str], body: &str| request("POST /api/downloads", headers, body);
    for (status, text, closes) in [
        (413, post(&["content-length: 1001", "expect: 100-continue"], ""), true),
        (413, post(&[], &"x".repeat(1001)), true),
        (408, post(&["content-length: 10"], "") + "{", true),
        (415, post(&["content-type: text/html", "content-length: 10"], ""), true),
        (404, request("POST /elsewhere", &["content-length: 10"], ""), true),
        (400, post(&[], "{"), false),
        (404, request("GET /elsewhere", &[], ""), false),
    ] {
        let service = service().await;
        let mut stream = service.send(&text.replace("connection: close\r\n", "")).await;
        let head = until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(head.contains("\r\nconnection: close"), closes, "{head}");
    }
}

#[tokio::test]
async fn a_body_that_grows_too_long_is_refused() {
    let chunks = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600)).repeat(2);
    let text = request("POST /api/downloads", &["transfer-encoding: chunked"], "") + &chunks;
    expect(&text, 413, "body_too_large").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let text = request("POST /api/downloads", &["content-length: 10"], "") + "{";
    expect(&text, 408, "body_timeout").await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    expect(&request("GET /nowhere", &[], ""), 404, "not_found").await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE"] {
        let (head, _) =
            expect(&request(&format!("{method} /api/downloads"), &[], ""), 405, "method_not_allowed").await;
        assert!(head.contains("allow: POST"), "{method}: {head}");
    }
    let answer = service().await.ask(&request("HEAD /api/downloads", &[], "")).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_sane_request_id_is_kept() {
    let (_, kept) = expect(&request("GET /nowhere", &["x-request-id: my-id.1"], ""), 404, "not_found").await;
    assert_eq!(kept["requestId"], "my-id.1");
    let (_, made) = expect(&request("GET /nowhere", &["x-request-id: my id"], ""), 404, "not_found").await;
    assert_eq!(made["requestId"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn a_request_of_our_own_is_refused() {
    let (_, problem) =
        expect(&request("POST /api/downloads", &["via: 1.1 zipstream"], DESCRIPTOR), 400, "forbidden_url")
            .await;
    assert!(problem["detail"].as_str().unwrap().contains("Via"));
}

#[tokio::test]
async fn a_page_of_any_origin_may_ask() {
    let headers = ["origin: https://a.example", "access-control-request-method: POST"];
    let answer = service().await.ask(&request("OPTIONS /api/downloads", &headers, "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: *")
            && answer.contains("access-control-allow-methods: *")
    );
}

#[tokio::test]
async fn health_is_told_to_old_clients_too() {
    let answer = service().await.ask("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
}

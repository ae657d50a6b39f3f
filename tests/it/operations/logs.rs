//! The line that each archive leaves in the log: one, with the trace that its caller named, in both formats.

use std::time::Duration;

use serde_json::{Value, json};

use super::Process;
use crate::support::client::{Answer, Request};
use crate::support::redis::Redis;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn download(service: &Process, id: &str, traceparent: Option<&str>) -> impl Future<Output = Answer> {
    let request = service.post(&json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] }));
    let request: Request = request.header("X-Request-Id", id);
    match traceparent {
        Some(value) => request.header("Traceparent", value),
        None => request,
    }
    .send()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_names_the_trace_as_json() {
    let service = Process::start(&[]);
    assert_eq!(download(&service, "with", Some(TRACEPARENT)).await.status, 200);
    assert_eq!(download(&service, "odd", Some("00-xyz-1-1")).await.status, 200);
    assert_eq!(download(&service, "without", None).await.status, 200);
    let refused = service.post(&json!({ "files": [{ "url": "http://127.0.0.1:1/", "zipPath": "a" }] }));
    let refused = refused.header("X-Request-Id", "refused").header("traceparent", TRACEPARENT).send().await;
    assert_eq!(refused.status, 502);

    let validation =
        Request::post(service.address, "/api/validations").body(r#"{"files":[{"zipPath":"a/"}]}"#);
    let validation = validation.header("X-Request-Id", "validation").header("traceparent", TRACEPARENT);
    assert_eq!(validation.send().await.status, 200);

    let lines: Vec<Value> = service.end().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |id: &str| {
        let mut lines = lines.iter().filter(|line| line["id"] == id);
        let line = lines.next().unwrap_or_else(|| panic!("{id}: {lines:?}"));
        assert!(lines.next().is_none(), "more than one line for {id}");
        line.clone()
    };
    assert_eq!((&of("with")["trace"], &of("with")["message"]), (&json!(TRACE), &json!("archive sent")));
    assert_eq!((of("odd").get("trace"), of("without").get("trace")), (None, None));
    assert_eq!(of("validation")["trace"], TRACE);
    for id in ["with", "refused", "validation"] {
        assert!(of(id)["ms"].is_u64(), "{}", of(id));
    }
    let refused = of("refused");
    assert_eq!(
        [&refused["trace"], &refused["message"], &refused["code"], &refused["fault"]],
        [&json!(TRACE), &json!("archive refused"), &json!("source_unreachable"), &json!("source")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_names_the_trace_as_text() {
    let service = Process::start(&[("ZIPSTREAM__LOG__FORMAT", "text")]);
    assert_eq!(download(&service, "with", Some(TRACEPARENT)).await.status, 200);
    let log = service.end();
    let of: Vec<_> = log.lines().filter(|line| line.contains("id=\"with\"")).collect();
    assert_eq!(of.len(), 1, "{log}");
    assert!(of[0].contains(&format!("trace=\"{TRACE}\"")) && of[0].contains("archive sent"), "{}", of[0]);
}

/// Sources belong to somebody else: whom they serve, and in which trace, is not theirs to know.
#[tokio::test(flavor = "multi_thread")]
async fn no_trace_is_handed_on_to_sources() {
    use crate::support::origin::{Origin, Route};
    let (origin, service) = (Origin::start().await, Process::start(&[]));
    let url = origin.serve("/a", Route::bytes("a"));
    let request = service.post(&json!({ "files": [{ "url": url, "zipPath": "a" }] }));
    assert_eq!(request.header("traceparent", TRACEPARENT).send().await.status, 200);
    let asked = origin.requests_to("/a");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].header("traceparent"), asked[0].header("x-request-id")), (None, None));
}

/// Nothing else would tell before the first request that needs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_out_of_reach_is_told_at_the_start() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let redis = Redis::start().await;
    for (url, is_away) in [(format!("redis://:SECRET@{closed}"), true), (redis.url(), false)] {
        let service = Process::start(&[("ZIPSTREAM__STATE__URL", &url)]);
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(service.get("/healthz").await.status, 200);
        let log = service.end();
        let told = log.lines().filter(|line| line.contains("WARN") && line.contains("state.url")).count();
        assert_eq!(told, usize::from(is_away), "{log}");
        assert!(!log.contains("SECRET"), "{log}");
    }
}

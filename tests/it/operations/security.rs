//! What browsers are told of answers, and what pages of other origins may read of them.

use serde_json::json;

use crate::support::App;
use crate::support::client::{Answer, Request};

const HARDENED: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

fn assert_hardened(answer: &Answer, what: &str) {
    for (name, value) in HARDENED {
        assert_eq!(answer.header(name), Some(value), "{name} of {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_but_an_archive_is_hardened() {
    let app = App::start().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/openapi.json", "/nowhere", "/api/downloads"] {
        assert_hardened(&Request::get(app.address(), path).send().await, path);
    }
    let refused = Request::post(app.address(), "/api/downloads").body("{").send().await;
    assert_eq!(refused.status, 400);
    assert_hardened(&refused, "a problem");

    let descriptor = json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] });
    let archive = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
    assert_eq!(archive.status, 200);
    assert_eq!(archive.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(archive.header("content-security-policy"), None);
}

/// A question before a request, as a browser sends it.
async fn preflight(app: &App, origin: &str, path: &str) -> Answer {
    let request = Request::new("OPTIONS", app.address(), path).header("Origin", origin);
    request.header("Access-Control-Request-Method", "POST").send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_are_those_of_the_list() {
    let (ours, other) = ("https://app.example.com", "https://app.example.com.evil.example");
    for (origins, of_ours, of_others) in [
        (&["*"][..], Some("*"), Some("*")),
        (&["https://a.example", ours], Some(ours), None),
        (&["https://a.example"], None, None),
        (&[], None, None),
    ] {
        let list = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let app = App::with(|config| config.server.cors_origins = list).await;
        for (origin, allowed) in [(ours, of_ours), (other, of_others)] {
            let asked = preflight(&app, origin, "/api/downloads").await;
            let sent = Request::get(app.address(), "/healthz").header("Origin", origin).send().await;
            for answer in [asked, sent] {
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin} of {origins:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_no_preflight_are_a_method_like_others() {
    let app = App::start().await;
    let ask = |path: &str| Request::new("OPTIONS", app.address(), path);
    for (path, allowed) in [
        ("/api/downloads", "POST"),
        ("/api/download-links", "POST"),
        ("/api/downloads/x/status", "GET,HEAD"),
        ("/healthz", "GET,HEAD"),
    ] {
        for request in [ask(path), ask(path).header("Origin", "https://a.example")] {
            let answer = request.send().await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}");
            assert_eq!(answer.json()["code"], "method_not_allowed");
        }
        assert_eq!(preflight(&app, "https://a.example", path).await.status, 200);
    }
    for path in ["/", "/nowhere", "/api", "/api/downloads/x/y/z"] {
        let answer = ask(path).send().await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_read_what_they_need() {
    let app = App::start().await;
    let descriptor = json!({ "files": [{ "url": "data:,a", "zipPath": "a" }] });
    let request = Request::post(app.address(), "/api/downloads").json(&descriptor);
    let answer = request.header("Origin", "https://app.example.com").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
    let exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
    for name in [
        "accept-ranges",
        "content-disposition",
        "content-length",
        "content-range",
        "etag",
        "location",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    ] {
        assert!(exposed.contains(&name), "{name} in {exposed:?}");
    }
}

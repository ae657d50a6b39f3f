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

//! What every problem document over HTTP is, whoever causes it.

use serde_json::Value;

use crate::support::client::Answer;

/// Texts that no problem may show: addresses of private networks.
const PRIVATE: [&str; 8] =
    ["127.0.0.", "10.0.0.", "192.168.", "169.254.", "172.16.", "[::1]", "fd00:", "fe80:"];

/// Reads a problem document and asserts that it is one (RFC 9457, and the members promised beyond it).
pub(super) fn checked(answer: &Answer) -> Value {
    let text = || String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert!(answer.is_whole(), "{answer:?}");
    let problem = answer.json();
    let members = problem.as_object().unwrap();
    for name in ["type", "title", "detail", "code", "requestId"] {
        let value = members.get(name).and_then(Value::as_str);
        assert!(value.is_some_and(|value| !value.is_empty()), "{name} in {}", text());
    }
    assert_eq!(problem["status"], answer.status, "{}", text());
    assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"), "{}", text());
    for (name, value) in members {
        match name.as_str() {
            "type" | "title" | "status" | "detail" | "code" | "requestId" => {}
            "errors" => check_errors(value, &problem),
            other => panic!("the member {other} is not promised: {}", text()),
        }
    }
    for private in PRIVATE {
        assert!(!text().contains(private), "{private} in {}", text());
    }
    problem
}

/// Asserts that the list of errors is sound, and that the first gives the code.
fn check_errors(errors: &Value, problem: &Value) {
    let errors = errors.as_array().unwrap();
    assert_eq!(errors.first().map(|first| &first["code"]), Some(&problem["code"]), "{problem}");
    for error in errors {
        let members = error.as_object().unwrap();
        assert_eq!(members.len(), 3, "{problem}");
        let pointer = members["pointer"].as_str().unwrap();
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{problem}");
        assert!(!members["code"].as_str().unwrap().is_empty(), "{problem}");
        assert!(!members["detail"].as_str().unwrap().is_empty(), "{problem}");
    }
}

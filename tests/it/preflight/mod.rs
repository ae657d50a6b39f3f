//! Validations over real sockets: what is told of sources, of the archive they would make, and of what may be meant otherwise.

mod archive;
mod limits;
mod quota;
mod rejected;
mod s3;
mod sources;
mod warnings;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::App;
use crate::support::client::{Answer, Request};

/// The members of an answer, of a result, of an error, of a warning.
const MEMBERS: [&[&str]; 4] = [
    &["archiveSize", "errors", "fileCount", "results", "totalSize", "valid", "warnings"],
    &[
        "acceptsRanges",
        "accessible",
        "contentType",
        "error",
        "etag",
        "index",
        "lastModified",
        "latencyMs",
        "size",
        "status",
        "url",
        "zipPath",
    ],
    &["code", "detail", "pointer"],
    &["code", "detail", "index", "pointer"],
];

/// Posts a document to be validated.
pub async fn post(address: SocketAddr, document: impl Into<Vec<u8>>) -> Answer {
    Request::post(address, "/api/validations").body(document).send().await
}

/// Posts a document until there is a place for a validation, which whoever hung up gives back in a moment.
async fn post_when_free(address: SocketAddr, document: String) -> Answer {
    let posting = async {
        loop {
            let answer = post(address, document.clone()).await;
            if answer.status != 503 {
                break answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), posting).await.expect("a place is free again")
}

/// Reads a validation, and asserts what holds of each.
pub fn checked(answer: &Answer) -> Value {
    let document = answer.json();
    assert_eq!((answer.status, answer.is_whole()), (200, true), "{document}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let members = |value: &Value, expected: &[&str]| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{value}");
    };
    let list = |name: &str| document[name].as_array().unwrap();
    members(&document, MEMBERS[0]);
    assert_eq!(document["valid"], list("errors").is_empty(), "{document}");
    for (index, result) in list("results").iter().enumerate() {
        members(result, MEMBERS[1]);
        assert_eq!(result["index"], index);
        if !result["error"].is_null() {
            members(&result["error"], &["code", "detail"]);
            let place = format!("/files/{index}");
            let is_listed = |error: &Value| {
                error["code"] == result["error"]["code"]
                    && error["pointer"].as_str().unwrap().starts_with(&place)
            };
            let is_cut = list("errors").len() >= 100;
            let is_skipped =
                list("warnings").iter().any(|it| it["index"] == index && it["code"] == "source_skipped");
            assert!(is_cut || is_skipped != list("errors").iter().any(is_listed), "{document}");
        }
        assert!(result["accessible"] == true || !result["error"].is_null(), "{result}");
        assert_eq!(result["latencyMs"].is_null(), result["status"].is_null(), "{result}");
    }
    list("errors").iter().for_each(|error| members(error, MEMBERS[2]));
    list("warnings").iter().for_each(|warning| members(warning, MEMBERS[3]));
    document
}

/// Validates a descriptor.
async fn validate(app: &App, descriptor: &Value) -> Value {
    checked(&post(app.address(), descriptor.to_string()).await)
}

/// Validates a single file.
async fn validate_file(app: &App, file: Value) -> Value {
    validate(app, &json!({ "files": [file] })).await
}

/// The pointer and code of each of a list's elements.
fn codes(list: &Value) -> Vec<(&str, &str)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|it| (it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap()))
        .collect()
}

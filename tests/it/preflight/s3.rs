//! Presigned GETs of a real S3 server: accessible, though it refuses them HEAD.

use serde_json::{Value, json};

use super::{codes, validate};
use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::pattern;
use crate::support::s3::{Object, S3};

#[tokio::test(flavor = "multi_thread")]
async fn presigned_objects_are_what_their_archive_will_be() {
    let s3 = S3::start(&[
        Object { bucket: "databases", key: "backup.sql.gz", bytes: pattern(1, 0..3 << 20) },
        Object { bucket: "databases", key: "empty.log", bytes: Vec::new() },
        Object { bucket: "configuration", key: "app & co/ü.json", bytes: b"{}".to_vec() },
    ])
    .await;
    let app = App::start().await;
    let gone = s3.urls[0].replace("backup", "gone");
    let files =
        s3.urls.iter().enumerate().map(|(index, url)| json!({ "url": url, "zipPath": index.to_string() }));
    let mut descriptor = json!({ "files": files.collect::<Vec<_>>() });
    let answer = validate(&app, &descriptor).await;
    assert_eq!((&answer["valid"], &answer["totalSize"]), (&json!(true), &json!((3 << 20) + 2)), "{answer}");
    for (result, size) in answer["results"].as_array().unwrap().iter().zip([3 << 20, 0, 2]) {
        assert_eq!((&result["accessible"], &result["size"]), (&json!(true), &json!(size)), "{result}");
        assert!(result["etag"].as_str().unwrap().starts_with('"'), "{result}");
        assert!(result["lastModified"].as_str().unwrap().ends_with('Z'), "{result}");
        assert!(!result["url"].as_str().unwrap().contains('?'), "{result}");
    }
    let archive = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
    assert_eq!(answer["archiveSize"], archive.body.len());
    // Signed for an hour: only the scheme is worth a warning.
    let concerns = codes(&answer["warnings"]);
    assert!(concerns.iter().all(|(_, code)| *code == "insecure_url"), "{concerns:?}");
    descriptor["files"][1]["url"] = Value::String(gone);
    let answer = validate(&app, &descriptor).await;
    assert_eq!(codes(&answer["errors"]), [("/files/1/url", "source_status")], "{answer}");
    assert_eq!(answer["results"][1]["status"], 404, "{answer}");
}

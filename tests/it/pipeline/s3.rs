//! The product's two jobs against a real S3 server: objects of two buckets become one archive in a third.

use serde_json::json;

use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::pattern;
use crate::support::s3::{Object, S3};

/// The sizes make the archive longer than two parts of a multipart upload (8 MiB each), so that parts are cut within entries.
fn objects() -> Vec<Object> {
    vec![
        Object { bucket: "databases", key: "2026/backup.sql.gz", bytes: pattern(1, 0..20 << 20) },
        Object { bucket: "databases", key: "empty.log", bytes: Vec::new() },
        Object { bucket: "configuration", key: "app & co/ü.json", bytes: b"{\"a\":1}".repeat(20_000) },
        Object { bucket: "configuration", key: "small.txt", bytes: b"x".to_vec() },
    ]
}

/// The nightly job: `curl | aws s3 cp -`, posted without a Content-Type, read back and compared.
#[tokio::test(flavor = "multi_thread")]
async fn presigned_objects_are_piped_into_a_bucket() {
    let objects = objects();
    let s3 = S3::start(&objects).await;
    let app = App::start().await;
    let files: Vec<_> = objects
        .iter()
        .zip(&s3.urls)
        .map(|(object, url)| json!({ "url": url, "zipPath": format!("{}/{}", object.bucket, object.key) }))
        .collect();
    let descriptor = json!({ "suggestedFilename": "nightly.zip", "files": files });
    std::fs::write(s3.folder().join("descriptor.json"), descriptor.to_string()).unwrap();
    let url = app.url("/api/downloads");
    s3.shell(&format!(
        "curl -sSf -H Content-Type: --data-binary @descriptor.json {url} | aws s3 cp - s3://archives/nightly.zip"
    ))
    .await;
    s3.shell("aws s3 cp s3://archives/nightly.zip back.zip && unzip -tq back.zip").await;
    let back = std::fs::read(s3.folder().join("back.zip")).unwrap();

    // The same plan makes the same bytes, whoever reads them.
    let again = Request::post(app.address(), "/api/downloads").body(descriptor.to_string()).send().await;
    assert!(
        again.status == 200 && again.is_whole() && again.header("content-length").is_some(),
        "{again:.200?}"
    );
    assert!(again.body == back, "two archives of one plan differ");

    use rc_zip_sync::ReadZip;
    let bytes = back.as_slice();
    let archive = bytes.read_zip().unwrap();
    let names: Vec<_> = archive.entries().map(|entry| entry.name.clone()).collect();
    let expected: Vec<_> = objects.iter().map(|object| format!("{}/{}", object.bucket, object.key)).collect();
    assert_eq!(names, expected);
    for (entry, object) in archive.entries().zip(&objects) {
        assert!(entry.bytes().unwrap() == object.bytes, "{}", object.key);
    }
}

/// The other job: DEFLATE, and the object is uploaded by a client that cannot say how long it will be.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_archive_is_piped_into_a_bucket() {
    let objects = objects();
    let s3 = S3::start(&objects).await;
    let app = App::start().await;
    let files: Vec<_> =
        s3.urls.iter().enumerate().map(|(i, url)| json!({ "url": url, "zipPath": format!("{i}") })).collect();
    let descriptor = json!({ "compression": "DEFLATE", "files": files });
    std::fs::write(s3.folder().join("descriptor.json"), descriptor.to_string()).unwrap();
    let url = app.url("/api/downloads");
    s3.shell(&format!("curl -sSf -d @descriptor.json {url} | aws s3 cp - s3://archives/d.zip")).await;
    s3.shell("aws s3 cp s3://archives/d.zip back.zip && unzip -q back.zip -d out").await;
    for (index, object) in objects.iter().enumerate() {
        assert!(
            std::fs::read(s3.folder().join(format!("out/{index}"))).unwrap() == object.bytes,
            "{}",
            object.key
        );
    }
}

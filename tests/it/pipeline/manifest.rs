//! Manifests: they tell of every kind of entry what its source was, and add to an archive nothing that varies.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zipstream::archive::{self, Ledger};
use zipstream::descriptor::{self, Descriptor};
use zipstream::plan::{Checkpoint, Checksums, Seen};

use super::download::{Protocol, assert_whole, contents, post};
use super::long::alone;
use crate::support::App;
use crate::support::client::{Answer, Request};
use crate::support::origin::{Origin, Route, pattern};
use crate::support::readers::{self, Kind};

/// What an archive lists of itself in its last entry, which has this name.
pub(super) fn listed(archive: &[u8], name: &str) -> Vec<Value> {
    let read = contents(archive);
    let (last, bytes) = read.last().unwrap();
    assert_eq!(last, name);
    let mut manifest: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(manifest.as_object().unwrap().len(), 1);
    serde_json::from_value(manifest["entries"].take()).unwrap()
}

/// Python's zipfile finds everything to be as the manifest says.
pub(super) fn assert_proven(archive: &[u8], what: &str) {
    let mut file = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
    file.write_all(archive).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pipeline/manifest.py");
    let judged = Command::new("python3").arg(script).arg(file.path()).output().unwrap();
    assert!(judged.status.success(), "{what}: {}", String::from_utf8_lossy(&judged.stderr));
}

/// What a manifest tells of a stored entry.
fn line(name: &str, url: Value, bytes: &[u8], modified: Value, etag: Value) -> Value {
    json!({ "zipPath": name, "url": url, "status": "stored", "size": bytes.len(),
        "crc32": format!("{:08x}", crc32fast::hash(bytes)), "sha256": hex::encode(Sha256::digest(bytes)),
        "mode": if name.ends_with('/') { "0755" } else { "0644" }, "lastModified": modified, "etag": etag })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_of_every_kind_of_entry() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let (small, large) = (pattern(1, 0..1000), pattern(2, 0..3_000_000));
    let date = "Mon, 02 Nov 2026 10:00:00 GMT";
    let urls = [
        origin.serve("/small", Route::pattern(1, 1000).etag("\"s\"").last_modified(date)),
        origin.serve("/large", Route::pattern(2, 3_000_000)),
        origin.serve("/unknown", Route::pattern(2, 3_000_000).ignores_ranges().chunked().etag("W/\"weak\"")),
        // Broken, and gone on with.
        origin.serve(
            "/broken",
            Route::pattern(2, 3_000_000).etag("\"b\"").first(2, |route| route.cut(100_000)),
        ),
        origin.serve("/empty", Route::bytes("")),
    ];
    let query = format!("{}?X-Amz-Signature=secret", urls[0]);
    let stored = [
        json!({ "url": query, "zipPath": "small" }),
        json!({ "url": urls[1], "zipPath": "é/large", "lastModified": "2026-11-19T23:00:00+01:00" }),
        json!({ "url": urls[1], "zipPath": "declared", "size": 3_000_000, "crc32": format!("{:08x}", crc32fast::hash(&large)) }),
        json!({ "url": urls[2], "zipPath": "unknown" }),
        json!({ "url": urls[3], "zipPath": "broken", "sha256": hex::encode(Sha256::digest(&large)) }),
        json!({ "url": urls[4], "zipPath": "empty" }),
        json!({ "url": "data:,hello", "zipPath": "data" }),
        json!({ "zipPath": "directory/" }),
    ];
    let bodies: [&[u8]; 8] = [&small, &large, &large, &large, &large, b"", b"hello", b""];
    let deflated = stored.iter().take(7).map(|file| {
        let mut file = file.clone();
        (file["zipPath"], file["compression"]) =
            (json!(format!("z/{}", file["zipPath"].as_str().unwrap())), json!("DEFLATE"));
        file
    });
    let files: Vec<_> = stored.iter().cloned().chain(deflated).collect();
    let names: Vec<_> = files.iter().map(|file| file["zipPath"].as_str().unwrap().to_owned()).collect();
    let bodies: Vec<_> = bodies.iter().chain(&bodies[..7]).map(|body| body.to_vec()).collect();
    let descriptor = json!({ "manifest": { "zipPath": "about/this.json" }, "files": files });
    for protocol in Protocol::ALL {
        let answer = protocol.download(&app, &descriptor).await;
        assert_eq!((answer.status, answer.is_whole()), (200, true), "{protocol:?}");
        let list = listed(&answer.body, "about/this.json");
        assert_eq!(list.len(), names.len());
        for ((listed, name), body) in list.iter().zip(&names).zip(&bodies) {
            let (url, modified, etag) = match name.trim_start_matches("z/") {
                "small" => (json!(urls[0]), json!("2026-11-02T10:00:00Z"), json!("\"s\"")),
                "é/large" => (json!(urls[1]), json!("2026-11-19T22:00:00Z"), listed["etag"].clone()),
                "declared" => (json!(urls[1]), listed["lastModified"].clone(), listed["etag"].clone()),
                // A weak tag proves nothing.
                "unknown" => (json!(urls[2]), listed["lastModified"].clone(), Value::Null),
                "broken" => (json!(urls[3]), listed["lastModified"].clone(), json!("\"b\"")),
                "empty" => (json!(urls[4]), listed["lastModified"].clone(), listed["etag"].clone()),
                _ => (Value::Null, Value::Null, Value::Null),
            };
            let mut listed = listed.clone();
            // What it is held against is tested with `zipstream verify`.
            let compressed = listed.as_object_mut().unwrap().remove("compressedCrc32");
            assert_eq!(compressed.is_some(), name.starts_with("z/") && !body.is_empty(), "{name}");
            assert_eq!(listed, line(name, url, body, modified, etag), "{protocol:?}");
        }
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "a query is a secret");
        let manifest = contents(&answer.body).pop().unwrap();
        let expected: Vec<_> = names.iter().cloned().zip(bodies.iter().cloned()).chain([manifest]).collect();
        readers::judge(&answer.body, &expected, Kind::StreamedStore);
        assert_proven(&answer.body, "every kind");
    }
}

/// Entries in the forms that other settings give them, several at work at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_of_entries_however_they_are_written() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let sizes: Vec<u64> = (0..8).map(|at| at * 450_000).collect();
    let files: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| {
            let url = origin.serve(&format!("/{at}"), Route::pattern(at as u64, *size));
            json!({ "url": url, "zipPath": at.to_string() })
        })
        .collect();
    for (members, is_announced) in [
        (json!({ "streamable": true }), true),
        (json!({ "compression": "DEFLATE", "compressionLevel": 1 }), false),
        // All of them are noise.
        (json!({ "compression": "AUTO", "streamable": true }), true),
    ] {
        let mut descriptor = json!({ "manifest": {}, "files": files });
        descriptor.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = post(&app, &descriptor).send().await;
        let mut bodies: Vec<_> = (0..).zip(&sizes).map(|(at, size)| pattern(at, 0..*size)).collect();
        bodies.push(contents(&answer.body).pop().unwrap().1);
        assert_whole(&answer, &bodies, &members.to_string());
        assert_eq!(answer.header("content-length").is_some(), is_announced, "{members}");
        assert_proven(&answer.body, &members.to_string());
        let named =
            sizes.iter().enumerate().map(|(at, _)| at.to_string()).chain(["MANIFEST.json".to_owned()]);
        let expected: Vec<_> = named.zip(bodies).collect();
        readers::judge(&answer.body, &expected, Kind::StreamedDeflate);
    }
}

/// All its fields have a width that is known before the bytes are, once the sizes are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_length_is_announced_with_the_archives() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let sizes = [0, 9, 10, 65_536, 65_537, 999_999, 1_000_000];
    let urls = sizes.map(|size| origin.serve(&format!("/{size}"), Route::pattern(size, size)));
    for count in 1..=sizes.len() {
        let files: Vec<_> =
            (0..count).map(|at| json!({ "url": urls[at], "zipPath": format!("\"{at}\"é") })).collect();
        let answer = post(&app, &json!({ "manifest": {}, "files": files })).send().await;
        let mut bodies: Vec<_> = sizes[..count].iter().map(|size| pattern(*size, 0..*size)).collect();
        bodies.push(contents(&answer.body).pop().unwrap().1);
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_whole(&answer, &bodies, "announced");
        assert_eq!(listed(&answer.body, "MANIFEST.json").len(), count);
        assert_proven(&answer.body, "announced");
    }
    let files = json!([{ "url": urls[4], "zipPath": "a", "compression": "DEFLATE" }]);
    let answer = post(&app, &json!({ "manifest": {}, "files": files })).send().await;
    assert!(answer.is_whole() && answer.header("content-length").is_none());
}

/// A link's archive is the same bytes each time, and parts of it are slices, those of the manifest too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_the_same_each_time_and_in_parts() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", Route::pattern(1, 300_000).etag("\"a\""));
    let descriptor = json!({ "manifest": { "zipPath": "m" }, "files": [{ "url": url, "zipPath": "a" }] });
    let minted = Request::post(app.address(), "/api/download-links").json(&descriptor).send().await;
    let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
    let get = || Request::get(app.address(), &path);
    let first: Answer = get().send().await;
    assert_whole(&first, &[pattern(1, 0..300_000), contents(&first.body).pop().unwrap().1], "a link's");
    let head = Request::new("HEAD", app.address(), &path).send().await;
    for name in ["content-length", "etag", "accept-ranges"] {
        assert!(head.header(name).is_some() && head.header(name) == first.header(name), "{name}");
    }
    for start in [1000, 300_040, first.body.len() - 100] {
        let part = get().header("Range", &format!("bytes={start}-")).send().await;
        assert!(part.status == 206 && part.is_whole() && part.body == first.body[start..], "{start}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_no_file_and_not_of_the_archives_size() {
    let app = App::with(|config| {
        config.tiers.anonymous.files = 1;
        config.tiers.anonymous.archive_size.0 = 5;
    })
    .await;
    let files = json!([{ "url": "data:,hello", "zipPath": "a" }]);
    let answer = post(&app, &json!({ "manifest": {}, "files": files })).send().await;
    assert_eq!((answer.status, answer.is_whole()), (200, true), "{answer:.300?}");
    assert_eq!(listed(&answer.body, "MANIFEST.json")[0]["size"], 5);
}

/// Keeps whether a state of SHA-256 was there, at each checkpoint and end of an entry.
#[derive(Default)]
struct Hashes(Mutex<Vec<bool>>);

impl Ledger for Hashes {
    fn note(&self, _: usize, checkpoint: Checkpoint) {
        self.0.lock().unwrap().push(checkpoint.sha256.is_some());
    }

    fn note_whole(&self, _: usize, checksums: Checksums) {
        self.0.lock().unwrap().push(checksums.sha256.is_some());
    }

    fn seen(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async { Seen::default() })
    }
}

/// SHA-256 costs more than all the rest together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_hashed_unless_a_manifest_is_asked_for() {
    let origin = Origin::start().await;
    let (long, short) = (Route::pattern(1, 9 << 20).etag("\"v\""), Route::pattern(2, 1000).etag("\"v\""));
    let files = json!([
        { "url": origin.serve("/long", long), "zipPath": "long" },
        { "url": origin.serve("/short", short), "zipPath": "short" },
    ]);
    for streamable in [false, true] {
        for (manifest, is_hashed) in [(Value::Null, false), (json!({}), true)] {
            let (archives, policy) = alone();
            let body = json!({ "manifest": manifest, "streamable": streamable, "files": files }).to_string();
            let limits = descriptor::Limits { files: 2 };
            let descriptor = Descriptor::parse(body.as_bytes(), limits, &policy).unwrap();
            let probed = archives.probe(descriptor, archive::Limits { size: u64::MAX }, None).await.unwrap();
            let (facts, hashes) = (probed.facts().clone(), Arc::new(Hashes::default()));
            let archive = probed.plan(facts).unwrap().start(Some(hashes.clone())).await.unwrap();
            assert!(archive.stream.all(async |piece| piece.is_ok()).await);
            assert_eq!(*hashes.0.lock().unwrap(), [is_hashed; 3], "{manifest}, streamable: {streamable}");
        }
    }
}

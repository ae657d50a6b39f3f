//! The announced length is that of the archive which the same descriptor then makes.

use serde_json::{Value, json};

use super::validate;
use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::{Origin, Route};

/// Validates and downloads a descriptor; says the announced length and the archive's.
async fn both(app: &App, descriptor: &Value) -> (Value, usize) {
    let answer = validate(app, descriptor).await;
    assert_eq!(answer["valid"], true, "{answer}");
    let archive = Request::post(app.address(), "/api/downloads").json(descriptor).send().await;
    assert!(archive.status == 200 && archive.is_whole(), "{archive:.300?}");
    let announced = archive.header("content-length").map(|length| length.parse::<u64>().unwrap());
    assert_eq!(answer["archiveSize"].as_u64(), announced, "{answer}");
    (answer, archive.body.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announced_length_is_that_of_the_archive() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let size = |length: u64| origin.serve(&format!("/{length}"), Route::pattern(length, length));
    let chunked = origin.serve("/chunked", Route::pattern(7, 3000).ignores_ranges().chunked());
    let crc32 = format!("{:08x}", crc32fast::hash(&crate::support::origin::pattern(100_000, 0..100_000)));
    let jpeg = origin.serve("/photo", Route::pattern(3, 80_000).header("Content-Type", "image/jpeg"));
    let descriptors = [
        json!({ "files": [{ "url": size(1), "zipPath": "a" }] }),
        json!({ "files": [{ "url": size(0), "zipPath": "empty" }, { "url": size(65_536), "zipPath": "inlined" },
            { "url": size(65_537), "zipPath": "streamed/é.bin" }, { "url": "data:,hello", "zipPath": "data" },
            { "zipPath": "directory/" }] }),
        json!({ "files": [{ "url": size(100_000), "zipPath": "declared", "size": 100_000, "crc32": crc32 }] }),
        json!({ "files": [{ "url": chunked, "zipPath": "a", "size": 3000 }] }),
        json!({ "compression": "DEFLATE", "files": [{ "url": size(0), "zipPath": "a" }, { "zipPath": "b/" }] }),
        json!({ "compression": "AUTO", "files": [{ "url": size(70_000), "zipPath": "a.gz" }, { "url": jpeg, "zipPath": "b" },
            { "url": size(0), "zipPath": "c" }, { "zipPath": "d/" }] }),
        json!({ "streamable": true, "files": [{ "url": size(65_535), "zipPath": "a" }, { "url": size(65_537), "zipPath": "b" },
            { "url": size(131_070), "zipPath": "c" }, { "url": size(131_071), "zipPath": "d" }, { "zipPath": "e/" }] }),
        json!({ "manifest": {}, "files": [{ "url": size(65_537), "zipPath": "a" }, { "zipPath": "b/" }] }),
        json!({ "files": (0..50).map(|n| json!({ "url": size(n * 7919), "zipPath": format!("{n}/{n}") }))
            .collect::<Vec<_>>() }),
    ];
    for descriptor in &descriptors {
        let (answer, length) = both(&app, descriptor).await;
        assert_eq!(answer["archiveSize"], length, "{answer}");
        let sizes = answer["results"].as_array().unwrap().iter().map(|it| it["size"].as_u64().unwrap());
        assert_eq!(answer["totalSize"], sizes.sum::<u64>(), "{answer}");
    }
}

/// A download asks the first sources only before its first byte, and a validation all.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_files_a_length_is_announced_where_sizes_are_declared() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.archive.probe_files = 2).await;
    let lengths = [70_000, 3000, 65_536, 80_000, 0];
    let files = lengths.iter().enumerate().map(|(at, &length)| {
        let route = Route::pattern(length, length).header("Content-Type", "image/jpeg");
        json!({ "url": origin.serve(&format!("/{at}"), route), "zipPath": at.to_string() })
    });
    let mut files: Vec<_> = [json!({ "zipPath": "first/" })].into_iter().chain(files).collect();
    for (at, compression) in
        [(6, "STORE"), (6, "AUTO"), (5, "STORE"), (4, "STORE"), (3, "STORE"), (3, "AUTO")]
    {
        if let Some(file) = files.get_mut(at) {
            file["size"] = json!(lengths[at - 1]);
        }
        for streamable in [false, true] {
            let descriptor = json!({ "compression": compression, "streamable": streamable, "files": files });
            let (answer, _) = both(&app, &descriptor).await;
            assert_eq!(answer["totalSize"], lengths.iter().sum::<u64>(), "{answer}");
            let is_known = at == 3 && compression == "STORE";
            assert_eq!(!answer["archiveSize"].is_null(), is_known, "{compression}, {at}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_announced_is_null() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let known = origin.serve("/known", Route::pattern(1, 3000));
    let chunked = origin.serve("/chunked", Route::pattern(7, 3000).ignores_ranges().chunked());
    let text =
        origin.serve("/text", Route::bytes("the same again\n".repeat(80_000 / 15 + 1)[..80_000].to_owned()));
    let deflated = json!({ "files": [{ "url": known, "zipPath": "a", "compression": "DEFLATE" }] });
    let (answer, _) = both(&app, &deflated).await;
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&json!(3000), &Value::Null));
    let open = json!({ "compression": "AUTO", "files": [{ "url": text, "zipPath": "a" }] });
    let (answer, _) = both(&app, &open).await;
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&json!(80_000), &Value::Null));
    let skipping = json!({ "onSourceError": "skip", "files": [{ "url": known, "zipPath": "a" }] });
    let (answer, _) = both(&app, &skipping).await;
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&json!(3000), &Value::Null));
    let unknown = json!({ "files": [{ "url": known, "zipPath": "a" }, { "url": chunked, "zipPath": "b" }] });
    let (answer, _) = both(&app, &unknown).await;
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&Value::Null, &Value::Null));
}

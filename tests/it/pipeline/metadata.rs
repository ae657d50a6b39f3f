//! What a descriptor says of its entries reaches the archive: kind, compression, mode, time, and what is declared.

use std::time::UNIX_EPOCH;

use rc_zip_sync::ReadZip;
use rc_zip_sync::rc_zip::parse::{EntryKind, Method};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::download::{assert_whole, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, pattern};
use crate::support::readers::{self, Kind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_urls_and_directories_need_no_network() {
    let app = App::start().await;
    let descriptor = json!({ "suggestedFilename": "hand made", "files": [
        { "zipPath": "empty/" },
        { "url": "data:application/json;base64,eyJhIjoxfQ==", "zipPath": "a/a.json" },
        { "url": "data:,hello%20w%C3%B6rld", "zipPath": "a/b.txt", "compression": "DEFLATE" },
        { "url": "data:,", "zipPath": "a/empty" },
    ]});
    let answer = post(&app, &descriptor).send().await;
    let bodies: [&[u8]; 4] = [b"", b"{\"a\":1}", "hello wörld".as_bytes(), b""];
    assert_whole(&answer, &bodies, "hand made");
    let disposition = answer.header("content-disposition").unwrap();
    assert!(disposition.contains("hand made.zip"), "{disposition}");
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    let names = ["empty/", "a/a.json", "a/b.txt", "a/empty"];
    let expected: Vec<_> = names.iter().zip(bodies).map(|(n, b)| (n.to_string(), b.to_vec())).collect();
    readers::judge(&answer.body, &expected, Kind::Known);
    let bytes = answer.body.as_slice();
    let archive = bytes.read_zip().unwrap();
    let kinds: Vec<_> = archive.entries().map(|entry| entry.kind()).collect();
    assert_eq!(kinds, [EntryKind::Directory, EntryKind::File, EntryKind::File, EntryKind::File]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_has_its_own_compression_mode_and_time() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let dated = origin.serve("/dated", Route::pattern(1, 10).last_modified("Mon, 02 Nov 2026 10:00:00 GMT"));
    let big = origin.serve("/big", Route::pattern(2, 100_000));
    let descriptor = json!({ "compression": "DEFLATE", "files": [
        { "url": dated, "zipPath": "dated" },
        { "url": dated, "zipPath": "told", "lastModified": "2026-11-19T23:00:00Z", "mode": "0755" },
        { "url": big, "zipPath": "big", "compression": "store", "mode": "600" },
        { "zipPath": "folder/", "mode": "0700", "lastModified": "2026-11-19T23:00:00Z" },
    ]});
    let answer = post(&app, &descriptor).send().await;
    assert_whole(
        &answer,
        &[pattern(1, 0..10), pattern(1, 0..10), pattern(2, 0..100_000), vec![]],
        "metadata",
    );
    let bytes = answer.body.as_slice();
    let archive = bytes.read_zip().unwrap();
    let rows: Vec<_> = archive
        .entries()
        .map(|entry| (entry.method, entry.mode.0 & 0o777, entry.modified.timestamp()))
        .collect();
    let unix =
        |text| httpdate::parse_http_date(text).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let (source, told) = (unix("Mon, 02 Nov 2026 10:00:00 GMT"), unix("Thu, 19 Nov 2026 23:00:00 GMT"));
    assert_eq!(rows[0], (Method::Deflate, 0o644, source));
    assert_eq!(rows[1], (Method::Deflate, 0o755, told));
    assert_eq!((rows[2].0, rows[2].1), (Method::Store, 0o600));
    assert_eq!(rows[3], (Method::Store, 0o700, told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn true_declarations_are_accepted_and_make_entries_everybody_reads() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let (small, large) = (pattern(1, 0..1000), pattern(2, 0..200_000));
    let urls = [
        (origin.serve("/small", Route::pattern(1, 1000)), &small),
        (origin.serve("/large", Route::pattern(2, 200_000)), &large),
        // The declared size is the only length there is.
        (origin.serve("/chunked", Route::pattern(2, 200_000).ignores_ranges().chunked()), &large),
    ];
    let file = |(index, (url, bytes)): (usize, &(String, &Vec<u8>))| {
        json!({ "url": url, "zipPath": index.to_string(), "size": bytes.len(),
            "crc32": format!("{:08x}", crc32fast::hash(bytes)), "sha256": hex::encode(Sha256::digest(bytes)) })
    };
    let files: Vec<_> = urls.iter().enumerate().map(file).collect();
    let answer = post(&app, &json!({ "files": files })).send().await;
    assert_whole(&answer, &[&small, &large, &large], "declared");
    assert!(answer.header("content-length").is_some(), "the declared size is a length");
    let named = |(index, (_, bytes)): (usize, &(String, &Vec<u8>))| (index.to_string(), bytes.to_vec());
    let expected: Vec<_> = urls.iter().enumerate().map(named).collect();
    readers::judge(&answer.body, &expected, Kind::Known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_reach_their_own_origin_and_no_other() {
    let (origin, other) = (Origin::start().await, Origin::start().await);
    let app = App::start().await;
    let target = other.serve("/there", Route::bytes("there"));
    let urls = [
        origin.serve("/same", Route::redirect(307, "/here")),
        origin.serve("/cross", Route::redirect(302, target)),
    ];
    origin.serve("/here", Route::bytes("here"));
    let headers = json!({ "Authorization": "Bearer secret", "X-Tenant": "7" });
    let file = |(index, url): (usize, &String)| json!({ "url": url, "zipPath": index.to_string(), "headers": headers });
    let files: Vec<_> = urls.iter().enumerate().map(file).collect();
    let answer = post(&app, &json!({ "files": files })).send().await;
    assert_whole(&answer, &["here", "there"], "redirected");
    for request in origin.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer secret"), "{}", request.target);
        assert_eq!(request.header("x-tenant"), Some("7"), "{}", request.target);
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{}", request.target);
    }
    assert!(!other.requests().is_empty());
    for request in other.requests() {
        assert_eq!((request.header("authorization"), request.header("x-tenant")), (None, None));
    }
}

/// What another server has chosen is nothing that the client sent its headers for, wherever it lies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_do_not_come_back_from_another_origin() {
    let (origin, other) = (Origin::start().await, Origin::start().await);
    let app = App::start().await;
    let back = other.serve("/there", Route::redirect(302, origin.serve("/chosen", Route::bytes("back"))));
    let url = origin.serve("/a", Route::redirect(302, back));
    let file = json!({ "url": url, "zipPath": "a", "headers": { "Authorization": "Bearer secret" } });
    let answer = post(&app, &json!({ "files": [file] })).send().await;
    assert_whole(&answer, &["back"], "there and back");
    assert_eq!(origin.requests_to("/a")[0].header("authorization"), Some("Bearer secret"));
    let chosen = origin.requests_to("/chosen");
    assert!(!chosen.is_empty());
    for request in chosen {
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_behind_a_redirect_is_told_as_that() {
    let origin = Origin::start().await;
    let app = App::start().await;
    for location in ["http://10.0.0.1/", "http://@src.example.net/"] {
        let url = origin.serve("/a", Route::redirect(302, location));
        let answer = post(&app, &json!({ "files": [{ "url": url, "zipPath": "a" }] })).send().await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (502, Some("forbidden_url")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("redirects to a URL that is refused: "), "{detail}");
    }
}

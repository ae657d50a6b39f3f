//! Stored and compressed entries in turn: what is compressed is read past stored entries whose turn has not come.

use std::time::Duration;

use serde_json::{Value, json};

use super::compression::text;
use super::download::{assert_whole, numbered, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, pattern};

/// Words and noise in turn, short and long.
fn bodies() -> Vec<Vec<u8>> {
    let lengths = [(9000, 50_000), (300_000, 200_000), (1 << 20, 3 << 20), (70_000, 65_536), (2_500_000, 1)];
    let turn = |(seed, (words, noise)): (u64, (usize, u64))| [text(seed, words), pattern(seed, 0..noise)];
    (0..).zip(lengths.repeat(4)).flat_map(turn).collect()
}

/// Serves bodies under their index, with validators, and describes their archive under AUTO.
fn serve(origin: &Origin, bodies: &[Vec<u8>]) -> Value {
    let route = |body: &Vec<u8>| {
        let dated = "Mon, 02 Nov 2026 10:00:00 GMT";
        Route::bytes(body.clone()).etag("\"v\"").last_modified(dated)
    };
    let url = |(index, body)| origin.serve(&format!("/{index}"), route(body));
    let mut descriptor = numbered(bodies.iter().enumerate().map(url));
    descriptor["compression"] = json!("AUTO");
    descriptor
}

/// Whatever is read past stored entries, the archive is the same, and no byte is asked for twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_cores_nor_budgets_nor_connections_reach_the_bytes() {
    let bodies = bodies();
    let bytes: u64 = bodies.iter().map(|body| body.len() as u64).sum();
    let mut first: Option<Vec<u8>> = None;
    for (cores, total, per_host) in
        [(1, 64 << 20, 64), (2, 64 << 20, 64), (7, 64 << 20, 3), (7, 0, 64), (3, 4 << 20, 1)]
    {
        let origin = Origin::start().await;
        let app = App::with(|config| {
            config.archive.compressors = cores;
            config.archive.prefetch_total.0 = total;
            config.fetch.per_host = per_host;
        })
        .await;
        let answer = post(&app, &serve(&origin, &bodies)).send().await;
        let what = format!("{cores} cores, {total} bytes ahead, {per_host} connections");
        assert_whole(&answer, &bodies, &what);
        let first = first.get_or_insert_with(|| answer.body.clone());
        assert!(*first == answer.body, "{what}");
        // Of a beginning that cannot wait for its turn what is on its way is lost.
        if total == 64 << 20 && per_host == 64 {
            assert_eq!(origin.sent(), bytes, "{what}: {:?}", origin.requests());
        }
        assert_eq!(app.held(), 0, "{what}");
    }
}

/// What was asked for a stored entry is given up while its reader pauses; what was read behind it is not asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_before_its_turn_is_read_once() {
    const PIECE: usize = 64 << 10;
    let origin = Origin::builder().send_buffer(PIECE).start().await;
    let app = App::with(|config| {
        config.archive.compressors = 7;
        config.archive.probe_files = 1;
    })
    .await;
    let files = [("DEFLATE", 24 << 20), ("STORE", 100_000), ("DEFLATE", 900_000)];
    let bodies: Vec<_> = (0..).zip(files).map(|(seed, (_, length))| pattern(seed, 0..length)).collect();
    let route = |seed, length| Route::pattern(seed, length).etag("\"v\"");
    let url = |(seed, (_, length))| origin.serve(&format!("/{seed}"), route(seed, length));
    let mut descriptor = numbered((0..).zip(files).map(url));
    descriptor["compressionLevel"] = json!(1);
    for (file, (compression, length)) in descriptor["files"].as_array_mut().unwrap().iter_mut().zip(files) {
        (file["compression"], file["size"]) = (json!(compression), json!(length));
    }
    let mut reading = post(&app, &descriptor).receive_buffer(16 << 10).open().await;
    let mut taken = Vec::new();
    while origin.sent_for("/2") < 900_000 {
        let piece = reading.take(PIECE).await;
        assert_eq!(piece.len(), PIECE, "the last one is not compressed before its turn");
        taken.extend(piece);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Longer than look-ahead waits for its reader. One that had come farther by then only makes the test milder.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut answer = reading.finish().await;
    answer.body = [taken, answer.body].concat();
    assert_whole(&answer, &bodies, "paused");
    assert_eq!(origin.requests_to("/2").len(), 1, "{:?}", origin.requests_to("/1"));
    assert_eq!(app.held(), 0);
}

//! Archives over 4 GiB and of more than 65,535 entries, through the whole service; in debug builds they take minutes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use zipstream::zip::Crc32;

use crate::support::App;
use crate::support::client::{Ended, Request};
use crate::support::origin::{Origin, Route, pattern};
use crate::support::readers::{Kind, judge_file};

/// The piece in which content is made and compared, in bytes.
const PIECE: u64 = 1 << 20;
const LENGTHS: [u64; 3] = [5 << 30, 300_000, 1000];

async fn service() -> App {
    App::with(|config| {
        config.tiers.anonymous.archive_size.0 = 1 << 40;
        config.tiers.anonymous.files = 100_000;
        config.server.body_limit.0 = 32 << 20;
    })
    .await
}

fn crc32(seed: u64, length: u64) -> u32 {
    let mut crc32 = Crc32::new();
    for at in (0..length).step_by(PIECE as usize) {
        crc32.update(&pattern(seed, at..length.min(at + PIECE)));
    }
    crc32.value()
}

fn rows() -> Vec<(String, u64, u32)> {
    let row = |(seed, length): (usize, &u64)| (seed.to_string(), *length, crc32(seed as u64, *length));
    LENGTHS.iter().enumerate().map(row).collect()
}

/// A long source, and short ones whose headers lie beyond 4 GiB.
fn descriptor(origin: &Origin, streamable: bool) -> Value {
    let file = |(seed, length): (usize, &u64)| {
        let route = Route::pattern(seed as u64, *length).etag(format!("\"{seed}\""));
        json!({ "url": origin.serve(&format!("/{seed}"), route), "zipPath": seed.to_string() })
    };
    let files: Vec<_> = LENGTHS.iter().enumerate().map(file).collect();
    json!({ "streamable": streamable, "files": files })
}

/// Reads an answer into a file from a position on; says how it ended.
async fn read_into(request: Request, file: &mut File, from: u64) -> (u16, Ended, u64) {
    let reading = request.open().await;
    let announced = reading.header("content-length").unwrap().parse().unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    let status = reading.status;
    let ended = reading.finish_into(|bytes| file.write_all(bytes).unwrap()).await;
    (status, ended, announced)
}

/// Whether the end of an archive that is read again is that of the file.
async fn same_from(app: &App, path: &str, from: u64, file: &mut File) {
    let request = Request::get(app.address(), path).header("range", &format!("bytes={from}-"));
    let reading = request.open().await;
    assert_eq!(reading.status, 206, "{from}");
    file.seek(SeekFrom::Start(from)).unwrap();
    let mut expected = Vec::new();
    let ended = reading
        .finish_into(|bytes| {
            expected.resize(bytes.len(), 0);
            file.read_exact(&mut expected).unwrap();
            assert!(bytes == expected, "from {from}");
        })
        .await;
    assert_eq!(ended, Ended::Whole, "{from}");
    assert_eq!(file.stream_position().unwrap(), file.metadata().unwrap().len(), "{from}");
}

fn temporary() -> NamedTempFile {
    tempfile::Builder::new().suffix(".zip").tempfile().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by scripts/check-large"]
async fn large_links_go_on_behind_4_gib() {
    let (app, origin) = (service().await, Origin::start().await);
    for streamable in [false, true] {
        let minted =
            Request::post(app.address(), "/api/download-links").json(&descriptor(&origin, streamable));
        let path = minted.send().await.json()["downloadUrl"].as_str().unwrap().to_owned();
        let mut file = temporary();
        let begin = Request::get(app.address(), &path);
        let (status, ended, announced) = read_into(begin, file.as_file_mut(), 0).await;
        assert_eq!((status, ended), (200, Ended::Whole));
        assert_eq!(file.as_file().metadata().unwrap().len(), announced);
        judge_file(file.path(), &rows(), Kind::Grown);
        let four = 4 << 30;
        for from in [four - 1, four + 12_345, announced - 400_000, announced - 1200, announced - 300] {
            same_from(&app, &path, from, file.as_file_mut()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by scripts/check-large"]
async fn large_numbers_of_entries() {
    let app = service().await;
    let files: Vec<_> = (0..70_000).map(|n| json!({ "url": "data:,x", "zipPath": n.to_string() })).collect();
    let request = Request::post(app.address(), "/api/downloads").json(&json!({ "files": files }));
    let mut file = temporary();
    let (status, ended, announced) = read_into(request, file.as_file_mut(), 0).await;
    assert_eq!((status, ended), (200, Ended::Whole));
    assert_eq!(file.as_file().metadata().unwrap().len(), announced);
    let mut crc32 = Crc32::new();
    crc32.update(b"x");
    let rows: Vec<_> = (0..70_000).map(|n: u32| (n.to_string(), 1, crc32.value())).collect();
    judge_file(file.path(), &rows, Kind::Known);
}

//! The cases over 4 GiB; in debug builds they take minutes.

use std::io::Write;

use serde_json::Value;
use tempfile::NamedTempFile;
use zipstream::zip::Crc32;

use super::World;
use super::case::{body, cases};
use crate::support::client::{Ended, Request};
use crate::support::origin::{Origin, Route, pattern};
use crate::support::readers::{Kind, judge_file};

/// The piece in which the expected content is made, in octets.
const PIECE: u64 = 1 << 20;

fn case(id: &str) -> Value {
    cases("source").into_iter().find(|case| case["id"] == id).unwrap()
}

/// The CRC-32 of the content.
fn crc32(length: u64) -> u32 {
    let mut crc32 = Crc32::new();
    let mut at = 0;
    while at < length {
        let end = length.min(at + PIECE);
        crc32.update(&pattern(1, at..end));
        at = end;
    }
    crc32.value()
}

/// Downloads a case's archive into a file; says how it ended and what length was announced.
async fn download(world: &World, case: &Value) -> (NamedTempFile, Ended, Option<u64>) {
    let mut file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    let reading = Request::post(world.app.address(), "/api/downloads").body(body(case)).open().await;
    assert_eq!(reading.status, 200);
    let announced = reading.header("content-length").map(|length| length.parse().unwrap());
    let ended = reading.finish_into(|bytes| file.write_all(bytes).unwrap()).await;
    (file, ended, announced)
}

async fn serve(route: Route) -> (Origin, World) {
    let origin = Origin::start().await;
    origin.serve("/a.txt", route);
    let world = World::with(origin.address(), |config| config.tiers.anonymous.archive_size.0 = 8 << 30).await;
    (origin, world)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by scripts/check-large"]
async fn large_file_just_below_zip64() {
    let case = case("d-289");
    let length = case["source"]["content_length"].as_u64().unwrap();
    let (_origin, world) = serve(Route::pattern(1, length)).await;
    let (file, ended, announced) = download(&world, &case).await;
    assert_eq!(ended, Ended::Whole);
    assert_eq!(announced, Some(file.as_file().metadata().unwrap().len()));
    judge_file(file.path(), &[("a.txt".to_owned(), length, crc32(length))], Kind::StreamedStore);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by scripts/check-large"]
async fn large_file_of_unknown_length() {
    let case = case("d-291");
    let length = case["source"]["body_bytes"].as_u64().unwrap();
    let (_origin, world) = serve(Route::pattern(1, length).chunked().ignores_ranges()).await;
    let (file, ended, announced) = download(&world, &case).await;
    assert_eq!((ended, announced), (Ended::Whole, None));
    judge_file(file.path(), &[("a.txt".to_owned(), length, crc32(length))], Kind::Grown);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large: run by scripts/check-large"]
async fn large_file_of_unknown_length_over_the_limit_of_its_tier() {
    let case = case("d-291");
    let length = case["source"]["body_bytes"].as_u64().unwrap();
    let origin = Origin::start().await;
    origin.serve("/a.txt", Route::pattern(1, length).chunked().ignores_ranges());
    let world = World::start(origin.address()).await;
    let (file, ended, _) = download(&world, &case).await;
    assert_ne!(ended, Ended::Whole);
    let sent = file.as_file().metadata().unwrap().len();
    assert!((4_900_000_000..5_000_100_000).contains(&sent), "{sent}");
    origin.until("closed", |origin| origin.answering() == 0).await;
}

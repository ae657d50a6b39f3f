//! How fast the encoder is beside the data: gigabytes a second of stored data that passes by, and entries a second.
//!
//! The data is never copied, so that the first figure is the CRC's; the second is the cost of headers and of the
//! central directory. The third is what a manifest costs beside that: SHA-256. Run with `cargo bench --bench encode`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use zipstream::zip::{Content, Digest, Encoder, Entry, Method, Name, Timestamp};

/// Bytes of stored data for a round: long enough to be timed, in the cache or not.
const DATA: usize = 4 << 30;
/// Bytes that are hashed in a round.
const HASHED: usize = 1 << 30;
/// Entries of a round: more than 16 bits hold.
const ENTRIES: usize = 200_000;
/// Rounds, of which the fastest counts, since everything else on the machine only slows them down.
const ROUNDS: usize = 5;

fn main() {
    println!("| what | measured |\n|---|---|");
    for chunk in [64 << 10, 1 << 20] {
        let took = fastest(|| store(chunk));
        println!(
            "| STORE, chunks of {} KiB | {:.1} GB/s |",
            chunk >> 10,
            DATA as f64 / took.as_secs_f64() / 1e9
        );
    }
    let took = fastest(hash);
    println!("| SHA-256 | {:.2} s/GB |", took.as_secs_f64() / (HASHED as f64 / 1e9));
    for (what, streamed) in [("known", false), ("streamed", true)] {
        let took = fastest(|| entries(streamed));
        println!("| {what} entries of 16 bytes | {:.0} entries/s |", ENTRIES as f64 / took.as_secs_f64());
    }
}

/// Hashes data of the size of a common read.
fn hash() {
    let data = vec![7; 64 << 10];
    let mut sha256 = Sha256::new();
    for _ in 0..HASHED / data.len() {
        sha256.update(black_box(&data));
    }
    black_box(sha256.finalize());
}

/// Returns the time of the fastest round.
fn fastest(mut round: impl FnMut()) -> Duration {
    let timed = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed()
    });
    timed.min().unwrap_or_default()
}

/// Passes one long stored entry by.
fn store(chunk: usize) {
    let data = vec![7; chunk];
    let mut encoder = Encoder::new();
    black_box(encoder.begin(entry(0, Content::Streamed { length: Some(DATA as u64) })).unwrap());
    for _ in 0..DATA / chunk {
        encoder.stored(black_box(&data)).unwrap();
    }
    black_box(encoder.end(None).unwrap());
    black_box(encoder.finish().unwrap());
}

/// Encodes many tiny entries.
fn entries(streamed: bool) {
    let data = [7; 16];
    let mut crc32 = zipstream::zip::Crc32::new();
    crc32.update(&data);
    let digest = Digest { crc32: crc32.value(), size: 16 };
    let known = Content::Known { digest, compressed_size: 16 };
    let mut encoder = Encoder::new();
    for i in 0..ENTRIES {
        let content = if streamed { Content::Streamed { length: Some(16) } } else { known };
        black_box(encoder.begin(entry(i, content)).unwrap());
        encoder.stored(black_box(&data)).unwrap();
        black_box(encoder.end(None).unwrap());
    }
    black_box(encoder.finish().unwrap());
}

/// A stored entry by its number.
fn entry(number: usize, content: Content) -> Entry {
    Entry {
        name: Name::new(&format!("directory/{number}.bin")).unwrap(),
        method: Method::Store,
        modified: Timestamp::from_unix(1_795_180_456),
        mode: 0o644,
        content,
    }
}

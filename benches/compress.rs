//! What each encoder of DEFLATE makes of each level: the speed on one core, and the ratio.
//!
//! It is what the choice of the encoder rests on (`benches/README.md`): sirocco, which compresses entries whole or in
//! blocks of 1 MiB, beside zlib-rs, in such blocks that see the data before them or do not, and libdeflate, which can
//! do whole streams only. Run with `cargo bench --bench compress`; `-- FILE…` takes other data than generated logs and
//! tables.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};
use sirocco::Format;
use sirocco::deflate::{Encoder as Sirocco, Flush, Level, TABLES_LEN, compress_bound};

/// Rounds, of which the fastest counts, since everything else on the machine only slows them down.
const ROUNDS: usize = 3;
/// Bytes of each file that are taken.
const TAKEN: usize = 10 << 20;
/// DEFLATE's window in bytes.
const WINDOW: usize = 32 << 10;

/// Compresses a block behind other data, at a level, and says how long it became.
type Encoder = fn(u8, &[u8], &[u8]) -> usize;

fn main() {
    let files: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let data: Vec<Vec<u8>> = if files.is_empty() {
        vec![log(TAKEN), table(TAKEN)]
    } else {
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    };
    let data: Vec<_> = data.iter().map(|data| &data[..data.len().min(TAKEN)]).collect();
    let encoders: [(&str, Encoder, usize); 8] = [
        ("sirocco, blocks", sirocco_block, 1 << 20),
        ("zlib-rs, blocks", zlib_alone, 1 << 20),
        ("zlib-rs, blocks with what was before", zlib, 1 << 20),
        ("libdeflate, 1 MiB", libdeflate, 1 << 20),
        ("sirocco, 64 KiB", sirocco_whole, 64 << 10),
        ("libdeflate, 64 KiB", libdeflate, 64 << 10),
        ("sirocco, 4 KiB", sirocco_whole, 4 << 10),
        ("libdeflate, 4 KiB", libdeflate, 4 << 10),
    ];
    println!("| level | encoder | MB/s | ratio |\n|---|---|---|---|");
    for level in 1..=9 {
        for (what, encode, block) in encoders {
            let (took, out) = fastest(|| data.iter().map(|data| blocks(encode, level, data, block)).sum());
            let all: usize = data.iter().map(|data| data.len()).sum();
            let speed = all as f64 / took.as_secs_f64() / 1e6;
            println!("| {level} | {what} | {speed:.0} | {:.3} |", all as f64 / out as f64);
        }
    }
}

/// Returns the time of the fastest round, and what it gave.
fn fastest(mut round: impl FnMut() -> usize) -> (Duration, usize) {
    let timed = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let out = black_box(round());
        (start.elapsed(), out)
    });
    timed.min().unwrap_or_default()
}

/// Compresses data block by block.
fn blocks(encode: Encoder, level: u8, data: &[u8], block: usize) -> usize {
    let starts = (0..data.len()).step_by(block);
    starts
        .map(|start| {
            let end = (start + block).min(data.len());
            encode(level, &data[start.saturating_sub(WINDOW)..start], &data[start..end])
        })
        .sum()
}

fn sirocco_block(level: u8, _: &[u8], block: &[u8]) -> usize {
    sirocco(level, block, Flush::Sync)
}

fn sirocco_whole(level: u8, _: &[u8], block: &[u8]) -> usize {
    sirocco(level, block, Flush::Finish)
}

fn sirocco(level: u8, block: &[u8], flush: Flush) -> usize {
    // A flush takes five bytes.
    let mut out = vec![0; compress_bound(Format::Deflate, block.len()) + 5];
    let mut encoder = Sirocco::with_tables(Format::Deflate, Level::new(level), vec![0; TABLES_LEN]);
    let done = encoder.compress(block, &mut out, flush);
    assert!(done.consumed == block.len() && !done.full);
    done.output.len()
}

fn zlib_alone(level: u8, _: &[u8], block: &[u8]) -> usize {
    zlib(level, &[], block)
}

fn zlib(level: u8, before: &[u8], block: &[u8]) -> usize {
    let mut deflate = Compress::new(Compression::new(level.into()), false);
    if !before.is_empty() {
        deflate.set_dictionary(before).unwrap();
    }
    let mut out = Vec::with_capacity(block.len() + block.len() / 8 + 1024);
    deflate.compress_vec(block, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(deflate.total_in() as usize, block.len());
    out.len()
}

fn libdeflate(level: u8, _: &[u8], block: &[u8]) -> usize {
    let mut compressor = Compressor::new(CompressionLvl::new(level.into()).unwrap());
    let mut out = vec![0; compressor.deflate_compress_bound(block.len())];
    compressor.deflate_compress(block, &mut out).unwrap()
}

/// Lines of an access log.
fn log(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    lines(length, |n| {
        format!(
            "10.{}.{}.{} - - [20/Nov/2026:10:{:02}:{:02}] \"GET /api/v1/orders/{} HTTP/1.1\" {} {}\n",
            random.u8(..4),
            random.u8(..),
            random.u8(..),
            n / 60 % 60,
            n % 60,
            random.u32(..100_000),
            [200, 200, 200, 304, 404, 500][random.usize(..6)],
            random.u32(200..90_000),
        )
    })
}

/// Rows of a table.
fn table(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(2);
    lines(length, |n| {
        let place = ["user", "order", "node", "service", "region"][random.usize(..5)];
        format!("{n},{place}-{},{:.4},{}\n", random.u16(..400), random.f64() * 100.0, random.u32(..1_000_000))
    })
}

fn lines(length: usize, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 256);
    let mut number = 0;
    while out.len() < length {
        out.extend_from_slice(line(number).as_bytes());
        number += 1;
    }
    out.truncate(length);
    out
}

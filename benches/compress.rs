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
use sirocco::deflate::{Encoder as Sirocco, Flush, Level, TABLES_LEN};

/// Rounds, of which the fastest counts, since everything else on the machine only slows them down.
const ROUNDS: usize = 3;
/// Bytes of each file that are taken.
const TAKEN: usize = 10 << 20;
/// Room for a block of 1 MiB that does not shrink, in bytes: the fastest level of zlib-rs was seen to add 5.5 %.
const ROOM: usize = (1 << 20) + (1 << 17);
/// DEFLATE's window in bytes.
const WINDOW: usize = 32 << 10;

/// What is kept from block to block, as the service does.
struct Kept {
    tables: Vec<u16>,
    libdeflate: Option<(u8, Compressor)>,
    out: Vec<u8>,
}

/// Compresses a block behind other data, at a level, and says how long it became.
type Encoder = fn(&mut Kept, u8, &[u8], &[u8]) -> usize;

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
    let mut kept = Kept { tables: vec![0; TABLES_LEN], libdeflate: None, out: vec![0; ROOM] };
    println!("| level | encoder | MB/s | ratio |\n|---|---|---|---|");
    for level in 1..=9 {
        for (what, encode, block) in encoders {
            let mut blocks = |data: &[u8]| blocks(encode, &mut kept, level, data, block);
            let (took, out) = fastest(|| data.iter().map(|data| blocks(data)).sum());
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
fn blocks(encode: Encoder, kept: &mut Kept, level: u8, data: &[u8], block: usize) -> usize {
    let starts = (0..data.len()).step_by(block);
    starts
        .map(|start| {
            let end = (start + block).min(data.len());
            encode(kept, level, &data[start.saturating_sub(WINDOW)..start], &data[start..end])
        })
        .sum()
}

fn sirocco_block(kept: &mut Kept, level: u8, _: &[u8], block: &[u8]) -> usize {
    sirocco(kept, level, block, Flush::Sync)
}

fn sirocco_whole(kept: &mut Kept, level: u8, _: &[u8], block: &[u8]) -> usize {
    sirocco(kept, level, block, Flush::Finish)
}

fn sirocco(kept: &mut Kept, level: u8, block: &[u8], flush: Flush) -> usize {
    let mut encoder = Sirocco::with_tables(Format::Deflate, Level::new(level), &mut kept.tables[..]);
    let done = encoder.compress(block, &mut kept.out, flush);
    assert!(done.consumed == block.len() && !done.full);
    done.output.len()
}

fn zlib_alone(kept: &mut Kept, level: u8, _: &[u8], block: &[u8]) -> usize {
    zlib(kept, level, &[], block)
}

fn zlib(kept: &mut Kept, level: u8, before: &[u8], block: &[u8]) -> usize {
    // A new one each time: zlib-rs 0.6.8 writes other bytes after a reset.
    let mut deflate = Compress::new(Compression::new(level.into()), false);
    if !before.is_empty() {
        deflate.set_dictionary(before).unwrap();
    }
    deflate.compress(block, &mut kept.out, FlushCompress::Sync).unwrap();
    assert_eq!(deflate.total_in() as usize, block.len());
    deflate.total_out() as usize
}

fn libdeflate(kept: &mut Kept, level: u8, _: &[u8], block: &[u8]) -> usize {
    let new = || (level, Compressor::new(CompressionLvl::new(level.into()).unwrap()));
    let compressor = kept.libdeflate.take().filter(|(of, _)| *of == level).unwrap_or_else(new);
    kept.libdeflate.insert(compressor).1.deflate_compress(block, &mut kept.out).unwrap()
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

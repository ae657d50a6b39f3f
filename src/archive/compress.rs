//! DEFLATE off the asynchronous threads: blocks of input compressed independently, joined in order.
//!
//! ```text
//! chunks ──▶ 1 MiB of input, cut by position ──▶ worker threads ──▶ blocks in order ──▶ one raw DEFLATE stream
//! ```
//!
//! Each block ends with an empty stored block (a sync flush, RFC 1951 §3.2.4), which aligns it to a byte, so that
//! blocks join by standing behind each other; an empty final block closes the stream. Where a block is cut depends
//! on its position alone: the bytes are the same whatever chunks the network brought, on any number of cores.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use crate::budget::{Budget, Held};
use crate::zip;

use super::Reason;

/// Input bytes in a block: the loss of ratio at a cut is below 1 % of it, and it is milliseconds of work.
const BLOCK: usize = 1 << 20;
/// By how much a full output buffer grows.
const ROOM: usize = 16 << 10;
/// A final block of no bytes with fixed codes (RFC 1951 §3.2.6).
const LAST: [u8; 2] = [0x03, 0x00];

/// One entry's compression: chunks go in, compressed blocks come out.
pub(super) struct Compressor {
    level: u32,
    workers: Arc<Semaphore>,
    budget: Arc<Budget>,
    open: Vec<Bytes>,
    open_len: usize,
    /// Blocks at work, in order; those that still wait for a worker are not started when this is dropped.
    running: FuturesOrdered<AbortOnDropHandle<Result<Block, Reason>>>,
    most: usize,
    crc32: zip::Crc32,
    size: u64,
    ended: bool,
}

struct Block {
    bytes: Bytes,
    crc32: u32,
    size: u64,
    _held: Option<Held>,
}

impl Compressor {
    /// Starts an entry; `workers` bounds how many blocks of all archives are compressed at once.
    pub(super) fn new(level: u32, workers: Arc<Semaphore>, budget: Arc<Budget>) -> Compressor {
        let most = workers.available_permits().max(1) + 1;
        Compressor {
            level,
            workers,
            budget,
            open: Vec::new(),
            open_len: 0,
            running: FuturesOrdered::new(),
            most,
            crc32: zip::Crc32::new(),
            size: 0,
            ended: false,
        }
    }

    /// Whether more input is welcome now.
    pub(super) fn has_room(&self) -> bool {
        !self.ended && self.running.len() < self.most
    }

    /// Takes input.
    pub(super) fn push(&mut self, mut chunk: Bytes) {
        while self.open_len + chunk.len() >= BLOCK {
            let part = chunk.split_to(BLOCK - self.open_len);
            self.open_len += part.len();
            self.open.push(part);
            self.start();
        }
        if !chunk.is_empty() {
            self.open_len += chunk.len();
            self.open.push(chunk);
        }
    }

    /// Takes the end of the input.
    pub(super) fn end(&mut self) {
        if !self.open.is_empty() {
            self.start();
        }
        self.ended = true;
    }

    /// Waits for the next compressed bytes; `None` when all that was pushed has come out.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Reason>> {
        let block = match self.running.next().await? {
            Ok(Ok(block)) => block,
            Ok(Err(reason)) => return Some(Err(reason)),
            Err(_) => return Some(Err(Reason::Compressor)),
        };
        self.crc32.combine(block.crc32, block.size);
        self.size += block.size;
        Some(Ok(block.bytes))
    }

    /// The bytes that close the stream, and the digest of all input.
    pub(super) fn finish(self) -> (Bytes, zip::Digest) {
        (Bytes::from_static(&LAST), zip::Digest { crc32: self.crc32.value(), size: self.size })
    }

    fn start(&mut self) {
        let pieces = std::mem::take(&mut self.open);
        let size = std::mem::take(&mut self.open_len) as u64;
        // The first block is every archive's own; those beside it count as held ahead.
        let held = self.budget.try_hold(size);
        if held.is_none() {
            self.most = 1;
        }
        let (level, workers) = (self.level, Arc::clone(&self.workers));
        let task = tokio::spawn(async move {
            let permit = workers.acquire_owned().await.map_err(|_| Reason::Compressor)?;
            spawn_blocking(move || {
                let block = compress(level, &pieces, size, held);
                drop(permit);
                block
            })
            .await
            .map_err(|_| Reason::Compressor)?
        });
        self.running.push_back(AbortOnDropHandle::new(task));
    }
}

/// Compresses a whole body at once, as the same blocks.
pub(super) fn compress_whole(level: u32, body: &[Bytes]) -> Result<Bytes, Reason> {
    let size: usize = body.iter().map(Bytes::len).sum();
    let block = compress(level, body, size as u64, None)?;
    Ok([&block.bytes[..], &LAST].concat().into())
}

fn compress(level: u32, pieces: &[Bytes], size: u64, held: Option<Held>) -> Result<Block, Reason> {
    // One buffer, so that no cut between network chunks can reach the compressor.
    let input = pieces.concat();
    let mut deflate = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(input.len() / 2 + ROOM);
    loop {
        let taken = deflate.total_in() as usize;
        let rest = &input[taken..];
        deflate.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(|_| Reason::Compressor)?;
        // The flush is complete when it left room in the output (zlib.h, deflate()).
        if deflate.total_in() as usize == input.len() && out.len() < out.capacity() {
            break;
        }
        out.reserve(ROOM);
    }
    let mut crc32 = zip::Crc32::new();
    crc32.update(&input);
    Ok(Block { bytes: out.into(), crc32: crc32.value(), size, _held: held })
}

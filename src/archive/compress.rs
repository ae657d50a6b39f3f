//! DEFLATE off the asynchronous threads: blocks of input compressed independently, joined in order.
//!
//! ```text
//! chunks ──▶ 1 MiB of input, cut by position ──▶ worker threads ──▶ blocks in order ──▶ one raw DEFLATE stream
//! ```
//!
//! Each block ends with a stored block (a sync flush, RFC 1951 §3.2.4), which aligns it to a byte, so that blocks join
//! by standing behind each other; an empty final block closes the stream. Where a block is cut depends on its position
//! alone, and what it may refer to is the data before it: the bytes are the same whatever chunks the network brought,
//! on any number of cores.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{Either, Ready, ready};
use futures_util::stream::FuturesOrdered;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::task::AbortOnDropHandle;

use crate::budget::Held;
use crate::descriptor::Level;
use crate::zip;

use super::Reason;
use super::deflate::{DICTIONARY, Encoder, LAST};

/// Input bytes in a block: the loss of ratio at a cut is below 1 % of it, and it is milliseconds of work.
pub(super) const BLOCK: usize = 1 << 20;
/// Input that is compressed where it stands: to hand it to a worker would take as long.
const TINY: usize = 4 << 10;

/// What compresses the blocks of all archives, so many at once; cheap to clone.
#[derive(Clone)]
pub(super) struct Workers(Arc<Shared>);

struct Shared {
    permits: Arc<Semaphore>,
    count: usize,
    /// Those that have nothing to do.
    idle: Mutex<Vec<Worker>>,
}

/// What is kept from block to block.
#[derive(Default)]
struct Worker {
    input: Vec<u8>,
    encoder: Encoder,
}

/// One entry's compression: chunks go in, compressed blocks come out.
pub(super) struct Compressor {
    level: Level,
    workers: Workers,
    open: Vec<Bytes>,
    open_len: usize,
    /// The end of the block before.
    before: Bytes,
    /// Whether the last block that was started ends the stream, too.
    closed: bool,
    /// Blocks at work, in order; those that still wait for a worker are not started when this is dropped.
    running: FuturesOrdered<Running>,
    crc32: zip::Crc32,
    size: u64,
    ended: bool,
}

/// What a block comes to.
type Worked = Result<Result<Block, Reason>, JoinError>;
type Running = Either<AbortOnDropHandle<Result<Block, Reason>>, Ready<Worked>>;

struct Block {
    bytes: Bytes,
    crc32: u32,
    size: u64,
    _held: Option<Held>,
}

impl Workers {
    /// Makes room for so many blocks at once.
    pub(super) fn new(count: usize) -> Workers {
        let permits = Arc::new(Semaphore::new(count));
        Workers(Arc::new(Shared { permits, count, idle: Mutex::default() }))
    }

    /// How many blocks are compressed at once.
    pub(super) fn count(&self) -> usize {
        self.0.count
    }

    fn run(&self, job: Job) -> Result<Block, Reason> {
        let idle = || self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worker = idle().pop().unwrap_or_default();
        let block = worker.run(job);
        let mut idle = idle();
        if idle.len() < self.0.count {
            idle.push(worker);
        }
        block
    }
}

impl Compressor {
    /// Starts an entry.
    pub(super) fn new(level: Level, workers: Workers) -> Compressor {
        Compressor {
            level,
            workers,
            open: Vec::new(),
            open_len: 0,
            before: Bytes::new(),
            closed: false,
            running: FuturesOrdered::new(),
            crc32: zip::Crc32::new(),
            size: 0,
            ended: false,
        }
    }

    /// Forgets all input so far.
    pub(super) fn restart(&mut self) {
        *self = Compressor::new(self.level, self.workers.clone());
    }

    /// How many blocks were started and have not come out.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether all that was pushed has come out, and nothing will be pushed any more.
    pub(super) fn is_complete(&self) -> bool {
        self.ended && self.running.is_empty()
    }

    /// Takes input; what is held for it goes with the block that it completes.
    pub(super) fn push(&mut self, mut chunk: Bytes, held: &mut Option<Held>) {
        while self.open_len + chunk.len() >= BLOCK {
            let part = chunk.split_to(BLOCK - self.open_len);
            self.open_len += part.len();
            self.open.push(part);
            self.start(held.take());
        }
        if !chunk.is_empty() {
            self.open_len += chunk.len();
            self.open.push(chunk);
        }
    }

    /// Takes the end of the input.
    pub(super) fn end(&mut self, held: &mut Option<Held>) {
        if !self.open.is_empty() {
            self.closed = self.before.is_empty();
            self.start(held.take());
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

    /// The bytes that close the stream, if it is not closed, and the digest of all input.
    pub(super) fn finish(self) -> (Option<Bytes>, zip::Digest) {
        let last = (!self.closed).then_some(Bytes::from_static(&LAST));
        (last, zip::Digest { crc32: self.crc32.value(), size: self.size })
    }

    fn start(&mut self, held: Option<Held>) {
        let pieces = std::mem::take(&mut self.open);
        let size = std::mem::take(&mut self.open_len);
        let end = if self.closed { Bytes::new() } else { end_of(&pieces) };
        let before = std::mem::replace(&mut self.before, end);
        let job = Job { level: self.level, pieces, before, is_whole: self.closed, held };
        if size <= TINY {
            self.running.push_back(Either::Right(ready(Ok(self.workers.run(job)))));
            return;
        }
        let workers = self.workers.clone();
        let task = tokio::spawn(async move {
            let permit =
                Arc::clone(&workers.0.permits).acquire_owned().await.map_err(|_| Reason::Compressor)?;
            spawn_blocking(move || {
                let block = workers.run(job);
                drop(permit);
                block
            })
            .await
            .map_err(|_| Reason::Compressor)?
        });
        self.running.push_back(Either::Left(AbortOnDropHandle::new(task)));
    }
}

/// A block that is to be compressed.
struct Job {
    level: Level,
    pieces: Vec<Bytes>,
    /// What it may refer to.
    before: Bytes,
    /// Whether it is all that there is.
    is_whole: bool,
    held: Option<Held>,
}

impl Worker {
    fn run(&mut self, job: Job) -> Result<Block, Reason> {
        let Job { level, pieces, before, is_whole, mut held } = job;
        let Worker { input, encoder } = self;
        // One buffer, so that no cut between network chunks can reach the compressor.
        input.clear();
        pieces.iter().for_each(|piece| input.extend_from_slice(piece));
        drop(pieces);
        let bytes =
            if is_whole { encoder.whole(level, input) } else { encoder.block(level, &before, input)? };
        let mut crc32 = zip::Crc32::new();
        crc32.update(input);
        if let Some(held) = &mut held {
            held.shrink_to(bytes.len() as u64);
        }
        Ok(Block { bytes, crc32: crc32.value(), size: input.len() as u64, _held: held })
    }
}

/// Copies the end of a block that the next one may refer to: a slice would keep the buffers that it was read into.
fn end_of(pieces: &[Bytes]) -> Bytes {
    let mut parts = Vec::new();
    let mut missing = DICTIONARY;
    for piece in pieces.iter().rev() {
        let part = &piece[piece.len().saturating_sub(missing)..];
        missing -= part.len();
        parts.push(part);
        if missing == 0 {
            break;
        }
    }
    parts.reverse();
    parts.concat().into()
}

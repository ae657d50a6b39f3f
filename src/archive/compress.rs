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

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{Either, Ready, ready};
use futures_util::stream::FuturesOrdered;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

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
    count: usize,
    queue: Mutex<Queue>,
}

/// What waits for workers. Whoever is done takes the next from here: to be handed one would take two threads' waking.
#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    /// How many workers are at work.
    busy: usize,
    /// Those that have nothing to do.
    idle: Vec<Worker>,
}

/// A block that is to be compressed, and who waits for it.
struct Order {
    job: Job,
    done: oneshot::Sender<Result<Block, Reason>>,
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
    /// Blocks that were ordered, in order; those that still wait for a worker are not started when this is dropped.
    running: FuturesOrdered<Running>,
    crc32: zip::Crc32,
    size: u64,
    ended: bool,
}

/// What a block comes to; an error is a worker that was lost.
type Worked = Result<Result<Block, Reason>, oneshot::error::RecvError>;
type Running = Either<oneshot::Receiver<Result<Block, Reason>>, Ready<Worked>>;

struct Block {
    bytes: Bytes,
    crc32: u32,
    size: u64,
    _held: Option<Held>,
}

impl Workers {
    /// Makes room for so many blocks at once.
    pub(super) fn new(count: usize) -> Workers {
        Workers(Arc::new(Shared { count, queue: Mutex::default() }))
    }

    /// How many blocks are compressed at once.
    pub(super) fn count(&self) -> usize {
        self.0.count
    }

    /// Has a block compressed, as soon as a worker is free.
    fn order(&self, job: Job) -> oneshot::Receiver<Result<Block, Reason>> {
        let (done, block) = oneshot::channel();
        let mut queue = self.queue();
        queue.orders.push_back(Order { job, done });
        if queue.busy < self.0.count {
            queue.busy += 1;
            let worker = queue.idle.pop().unwrap_or_default();
            let workers = self.clone();
            spawn_blocking(move || workers.work(worker));
        }
        block
    }

    /// Compresses what there is.
    fn work(&self, mut worker: Worker) {
        loop {
            let Order { job, done } = {
                let mut queue = self.queue();
                match queue.orders.pop_front() {
                    Some(order) => order,
                    None => {
                        queue.busy -= 1;
                        if queue.idle.len() < self.0.count {
                            queue.idle.push(worker);
                        }
                        return;
                    }
                }
            };
            if done.is_closed() {
                continue;
            }
            // A worker that is lost would be missing for good.
            let block = catch_unwind(AssertUnwindSafe(|| worker.run(job))).unwrap_or_else(|_| {
                worker = Worker::default();
                Err(Reason::Compressor)
            });
            // Who waited may have left meanwhile.
            _ = done.send(block);
        }
    }

    /// Compresses a block at once, where it stands.
    fn run(&self, job: Job) -> Result<Block, Reason> {
        let idle = self.queue().idle.pop();
        let mut worker = idle.unwrap_or_default();
        let block = worker.run(job);
        let mut queue = self.queue();
        if queue.idle.len() < self.0.count {
            queue.idle.push(worker);
        }
        block
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // It is whole between any two statements, so another thread's panic spoils nothing.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.crc32.append(zip::Digest { crc32: block.crc32, size: block.size });
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
        self.running.push_back(Either::Left(self.workers.order(job)));
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

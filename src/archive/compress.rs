//! DEFLATE off the asynchronous threads: blocks of input compressed independently, joined in order.
//!
//! ```text
//! chunks ──▶ 1 MiB of input, cut by position ──▶ worker threads ──▶ blocks in order ──▶ one raw DEFLATE stream
//! ```
//!
//! Each block ends with a stored block (a sync flush, RFC 1951 §3.2.4), which aligns it to a byte, so that blocks join
//! by standing behind each other; an empty final block closes the stream. An entry shorter than a block is a stream of
//! its own. Where a block is cut depends on its position alone, and it refers to nothing before it: the bytes are the
//! same whatever chunks the network brought, on any number of cores.

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
use super::deflate::{Encoder, LAST};

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
    /// Encoders of those that have nothing to do.
    idle: Vec<Encoder>,
    /// Buffers for input that nothing uses.
    spare: Vec<Vec<u8>>,
}

/// A block that is to be compressed, and who waits for it.
struct Order {
    job: Job,
    done: oneshot::Sender<Block>,
}

/// One entry's compression: chunks go in, compressed blocks come out.
pub(super) struct Compressor {
    level: Level,
    workers: Workers,
    /// The input of the next block: copied at once, so that it keeps no buffer that was read into.
    open: Vec<u8>,
    /// Whether the last block that was started ends the stream, too.
    closed: bool,
    /// Blocks that were ordered, in order; those that still wait for a worker are not started when this is dropped.
    running: FuturesOrdered<Running>,
    crc32: zip::Crc32,
    size: u64,
    ended: bool,
}

/// What a block comes to; an error is a worker that was lost.
type Running = Either<oneshot::Receiver<Block>, Ready<Result<Block, oneshot::error::RecvError>>>;

struct Block {
    bytes: Bytes,
    /// Of the data that it is made of.
    digest: zip::Digest,
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
    fn order(&self, job: Job) -> oneshot::Receiver<Block> {
        let (done, block) = oneshot::channel();
        let mut queue = self.queue();
        queue.orders.push_back(Order { job, done });
        if queue.busy < self.0.count {
            queue.busy += 1;
            let (idle, workers) = (queue.idle.pop(), self.clone());
            spawn_blocking(move || workers.work(idle.unwrap_or_default()));
        }
        block
    }

    /// Compresses what there is.
    fn work(&self, mut encoder: Encoder) {
        loop {
            let Order { job, done } = {
                let mut queue = self.queue();
                match queue.orders.pop_front() {
                    Some(order) => order,
                    None => {
                        queue.busy -= 1;
                        queue.rest(encoder, self.0.count);
                        return;
                    }
                }
            };
            if done.is_closed() {
                continue;
            }
            // A worker that is lost would be missing for good.
            match catch_unwind(AssertUnwindSafe(|| self.compress(&mut encoder, job))) {
                // Who waited may have left meanwhile.
                Ok(block) => _ = done.send(block),
                Err(_) => encoder = Encoder::default(),
            }
        }
    }

    /// Compresses a block at once, where it stands.
    fn run(&self, job: Job) -> Block {
        let idle = self.queue().idle.pop();
        let mut encoder = idle.unwrap_or_default();
        let block = self.compress(&mut encoder, job);
        self.queue().rest(encoder, self.0.count);
        block
    }

    /// Makes a block of its input, whose buffer is free then.
    fn compress(&self, encoder: &mut Encoder, job: Job) -> Block {
        let Job { level, input, is_whole, mut held } = job;
        let bytes = if is_whole { encoder.whole(level, &input) } else { encoder.block(level, &input) };
        let digest = zip::Digest::of(&input);
        self.queue().spare(input, self.0.count);
        if let Some(held) = &mut held {
            held.shrink_to(bytes.len() as u64);
        }
        Block { bytes, digest, _held: held }
    }

    /// Returns an empty buffer with room for a block.
    fn buffer(&self) -> Vec<u8> {
        let spare = self.queue().spare.pop();
        spare.unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // It is whole between any two statements, so another thread's panic spoils nothing.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Keeps an encoder for the next block, as many as can be at work.
    fn rest(&mut self, encoder: Encoder, most: usize) {
        if self.idle.len() < most {
            self.idle.push(encoder);
        }
    }

    /// Keeps a buffer for the next block, as many as one archive uses: those that are worked on, one that waits for a
    /// worker and one that is filled.
    fn spare(&mut self, mut buffer: Vec<u8>, workers: usize) {
        if self.spare.len() < workers + 2 {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

impl Compressor {
    /// Starts an entry.
    pub(super) fn new(level: Level, workers: Workers) -> Compressor {
        Compressor {
            level,
            workers,
            open: Vec::new(),
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
        while !chunk.is_empty() {
            if self.open.capacity() == 0 {
                self.open = self.workers.buffer();
            }
            let part = chunk.split_to(chunk.len().min(BLOCK - self.open.len()));
            self.open.extend_from_slice(&part);
            if self.open.len() == BLOCK {
                self.start(held.take());
            }
        }
    }

    /// Takes the end of the input.
    pub(super) fn end(&mut self, held: &mut Option<Held>) {
        if !self.open.is_empty() {
            // It is the only block.
            self.closed = self.running.is_empty() && self.size == 0;
            self.start(held.take());
        }
        self.ended = true;
    }

    /// Waits for the next compressed bytes; `None` when all that was pushed has come out.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Reason>> {
        let Ok(block) = self.running.next().await? else { return Some(Err(Reason::Compressor)) };
        self.crc32.append(block.digest);
        self.size += block.digest.size;
        Some(Ok(block.bytes))
    }

    /// The bytes that close the stream, if it is not closed, and the digest of all input.
    pub(super) fn finish(self) -> (Option<Bytes>, zip::Digest) {
        let last = (!self.closed).then_some(Bytes::from_static(&LAST));
        (last, zip::Digest { crc32: self.crc32.value(), size: self.size })
    }

    fn start(&mut self, held: Option<Held>) {
        let job =
            Job { level: self.level, input: std::mem::take(&mut self.open), is_whole: self.closed, held };
        self.running.push_back(if job.input.len() <= TINY {
            Either::Right(ready(Ok(self.workers.run(job))))
        } else {
            Either::Left(self.workers.order(job))
        });
    }
}

/// A block that is to be compressed.
struct Job {
    level: Level,
    input: Vec<u8>,
    /// Whether it is all that there is.
    is_whole: bool,
    held: Option<Held>,
}

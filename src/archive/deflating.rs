//! DEFLATE entries in a row: the first of them is written while those behind it are read and compressed ahead.
//!
//! ```text
//! reading ──▶ [ entry 7: block block ] [ entry 6: block ] [ entry 5: block block ] ──▶ writing
//! ```
//! Else many entries of a block each would keep one core busy. Stored entries among them, of which the reader comes past
//! soon, are passed over: they are written by others at their turn, and what is behind them is compressed meanwhile.
//!
//! One block is every archive's own; all others, that which is being read included, are held against the budget, as far
//! as it leaves as much to others. There are no more of them than cores can work on, nor than the reader took in the last
//! second: one that takes nothing stops the reading, and keeps little, for what was compressed for it cannot be given back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::budget::{Budget, Held};
use crate::fetch::{self, Lane};
use crate::plan::{Form, Plan, Proof};
use crate::zip::{Digest, Method};

use super::Reason;
use super::body::Body;
use super::compress::{BLOCK, Compressor, Workers};
use super::prefetch::Prefetch;
use super::slots::Ahead;

/// The window over which the reader's pace is taken.
const WINDOW: Duration = Duration::from_secs(1);

/// Entries that are being compressed.
pub(super) struct Deflating {
    /// In the order of the archive: the first is being written, the last is being read.
    items: VecDeque<Item>,
    reading: Reading,
    /// Room for the block that is being read.
    room: Option<Held>,
    /// The place of the connection that is read, where entries before it are yet to be read by others.
    lane: Option<Lane>,
    /// When the last blocks were taken, as many as may be started ahead at most.
    taken: VecDeque<Instant>,
    workers: Workers,
}

/// What happened.
pub(super) enum Step {
    /// The source of an entry is being read from now on.
    Opened(usize),
    /// More bytes of an entry were read, and so many of it by now.
    Read { index: usize, bytes: u64, so_far: u64 },
    /// The header of the first entry is due, whose length nobody knows.
    Header,
    /// The next bytes of the first entry.
    Piece(Bytes),
    /// The first entry is complete.
    Complete {
        digest: Digest,
        /// What a manifest tells of it.
        proof: Option<Proof>,
        /// Its bytes, where its header has not been written, and its last ones.
        pieces: Vec<Bytes>,
    },
    /// The source of an entry failed of which nothing is written: it is taken back, with what was told as read of it, and
    /// can be left out.
    Failed { index: usize, reason: Reason, told: u64 },
}

/// An entry that is being compressed.
struct Item {
    compressor: Compressor,
    /// Whether its header is written after its data is known.
    is_inline: bool,
    is_begun: bool,
    /// What waits for that.
    out: Vec<Bytes>,
    /// What a manifest tells of it, once it was read.
    proof: Option<Proof>,
    /// Bytes that were read, and of these those that were told.
    read: u64,
    told: u64,
    /// Whether its source has sent something, or ended.
    has_come: bool,
}

/// What is read.
enum Reading {
    /// Nothing: what follows is not compressed.
    Ended,
    Opening(usize),
    Open(usize, Box<Body>),
}

/// What reading brought.
enum Event {
    Opened(usize, Option<(Ahead, Held)>),
    Chunk(usize, Result<Option<Bytes>, Reason>),
}

impl Deflating {
    /// Starts at an entry.
    pub(super) fn new(index: usize, workers: Workers) -> Deflating {
        let (items, taken) = (VecDeque::new(), VecDeque::new());
        Deflating { items, reading: Reading::Opening(index), room: None, lane: None, taken, workers }
    }

    /// Whether all that was begun is complete.
    pub(super) fn is_over(&self) -> bool {
        self.items.is_empty() && matches!(self.reading, Reading::Ended)
    }

    /// Waits for the next thing to happen; not to be called when it is over.
    ///
    /// # Errors
    /// What failed, and for which entry; for the compressor's own failures that is the one being written.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn step(
        &mut self,
        plan: &Plan,
        prefetch: &mut Prefetch,
        first: &mut Option<(usize, fetch::Opened)>,
    ) -> Result<Step, (Option<usize>, Reason)> {
        loop {
            if let Some(step) = self.write(plan.skips()) {
                return Ok(step);
            }
            let has_room = self.has_room(&prefetch.budget);
            let block = async {
                match self.items.front_mut() {
                    Some(item) => item.compressor.next().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                Some(block) = block => {
                    let block = block.map_err(|reason| (None, reason))?;
                    self.taken.push_back(Instant::now());
                    match self.items.front_mut() {
                        Some(item) if item.is_inline => item.out.push(block),
                        Some(_) | None => return Ok(Step::Piece(block)),
                    }
                }
                event = self.reading.next(plan, prefetch), if has_room => match event {
                    Event::Opened(index, ahead) => {
                        let first = first.take_if(|(first, _)| *first == index).map(|(_, opened)| opened);
                        let body = Body::found(&plan.entries[index], ahead, first, prefetch);
                        self.items.push_back(Item::new(plan, index, &self.workers));
                        self.reading = Reading::Open(index, Box::new(body));
                        return Ok(Step::Opened(index));
                    }
                    Event::Chunk(index, chunk) => {
                        let reason = match chunk.and_then(|chunk| self.take(chunk, plan, index, prefetch)) {
                            Ok(Some(step)) => return Ok(step),
                            Ok(None) => continue,
                            Err(reason) => reason,
                        };
                        let taken_back = if plan.skips() { self.take_back(plan, index, prefetch) } else { None };
                        return match taken_back {
                            Some(told) => Ok(Step::Failed { index, reason, told }),
                            None => Err((Some(index), reason)),
                        };
                    }
                },
                else => return Err((None, Reason::Compressor)),
            }
        }
    }

    /// What is to be written before anything else happens. Where entries may be left out a header waits until its source
    /// has sent something.
    fn write(&mut self, skips: bool) -> Option<Step> {
        let item = self.items.front_mut()?;
        if !item.is_inline && !item.is_begun && (item.has_come || !skips) {
            item.is_begun = true;
            return Some(Step::Header);
        }
        let item = self.items.pop_front_if(|item| item.compressor.is_complete())?;
        let (last, digest) = item.compressor.finish();
        let (mut pieces, proof) = (item.out, item.proof);
        pieces.extend(last);
        Some(Step::Complete { digest, proof, pieces })
    }

    /// Whether more may be read now.
    fn has_room(&mut self, budget: &Arc<Budget>) -> bool {
        let running: usize = self.items.iter().map(|item| item.compressor.running()).sum();
        // As many as are worked on, and one that is ready when a worker is.
        let most = self.workers.count() + 1;
        if matches!(self.reading, Reading::Ended) || running >= most || self.items.len() > most {
            return false;
        }
        if running == 0 {
            // The block that is being read is the archive's own.
            self.room = None;
            return true;
        }
        self.taken.drain(..self.taken.len().saturating_sub(most));
        let now = Instant::now();
        while self.taken.pop_front_if(|at| now.duration_since(*at) > WINDOW).is_some() {}
        if running > self.taken.len() {
            return false;
        }
        self.room = self.room.take().or_else(|| budget.try_hold_leaving(BLOCK as u64, budget.held()));
        self.room.is_some()
    }

    /// Takes a chunk, or the end, of the entry that is being read; says what is to be told of it.
    ///
    /// # Errors
    /// When what is written whole is not as long as planned.
    fn take(
        &mut self,
        chunk: Option<Bytes>,
        plan: &Plan,
        index: usize,
        prefetch: &mut Prefetch,
    ) -> Result<Option<Step>, Reason> {
        let (Some(item), Reading::Open(_, body)) = (self.items.back_mut(), &self.reading) else {
            return Ok(None);
        };
        if body.begins() {
            item.compressor.restart();
            item.out.clear();
            item.read = 0;
        }
        item.has_come = true;
        let is_whole = chunk.is_none();
        match chunk {
            Some(chunk) => {
                item.read += chunk.len() as u64;
                item.compressor.push(chunk, &mut self.room);
            }
            None => {
                let planned = plan.entries[index].length().filter(|_| item.is_inline);
                if planned.is_some_and(|length| length != item.read) {
                    return Err(fetch::Error::Changed("its length is another").into());
                }
                item.compressor.end(&mut self.room);
                item.proof = body.proof();
            }
        }
        // What may begin anew is told once it is whole.
        let told = (is_whole || !item.is_inline).then(|| item.tell(index));
        if is_whole {
            self.read_behind(plan, index, prefetch);
        }
        Ok(told)
    }

    /// Reads what follows an entry from now on and is compressed too, past stored entries that the reader comes past soon.
    fn read_behind(&mut self, plan: &Plan, index: usize, prefetch: &mut Prefetch) {
        (self.reading, self.lane) = (Reading::Ended, None);
        let behind = plan.entries.iter().enumerate().skip(index + 1);
        for (next, entry) in behind.filter(|(_, entry)| entry.skipped.is_none()) {
            if entry.method() == Method::Deflate {
                self.reading = Reading::Opening(next);
                return;
            }
            if !prefetch.comes_past(next, entry) {
                break;
            }
            self.lane = self.lane.take().or_else(|| prefetch.client.lane());
            if self.lane.is_none() {
                break;
            }
        }
        (self.room, self.lane) = (None, None);
    }

    /// Takes the entry back that is being read, unless something of it is written; says what was told of it.
    fn take_back(&mut self, plan: &Plan, index: usize, prefetch: &mut Prefetch) -> Option<u64> {
        let item = self.items.pop_back_if(|item| !item.is_begun)?;
        self.read_behind(plan, index, prefetch);
        Some(item.told)
    }
}

impl Item {
    fn new(plan: &Plan, index: usize, workers: &Workers) -> Item {
        let entry = &plan.entries[index];
        let compressor = Compressor::new(entry.level(), workers.clone());
        let is_inline = entry.form == Form::Inline;
        Item {
            compressor,
            is_inline,
            is_begun: false,
            out: Vec::new(),
            proof: None,
            read: 0,
            told: 0,
            has_come: false,
        }
    }

    /// Tells what was read since this was told last.
    fn tell(&mut self, index: usize) -> Step {
        let bytes = self.read - std::mem::replace(&mut self.told, self.read);
        Step::Read { index, bytes, so_far: self.read }
    }
}

impl Reading {
    /// Waits for what comes next.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    async fn next(&mut self, plan: &Plan, prefetch: &Prefetch) -> Event {
        match self {
            Reading::Ended => std::future::pending().await,
            Reading::Opening(index) => {
                Event::Opened(*index, Body::ahead(&plan.entries[*index], *index, prefetch).await)
            }
            Reading::Open(index, body) => {
                let chunk = body.next().await;
                Event::Chunk(*index, chunk.map(|chunk| Some(chunk?.bytes)))
            }
        }
    }
}

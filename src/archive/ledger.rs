//! Where the state of a download is written down while it runs, so that another one can go on from it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::plan::{Checkpoint, Checksums, Seen};

/// How many bytes of one entry pass by between two checkpoints: what is read again at most when a download goes on.
pub(super) const INTERVAL: u64 = 8 << 20;

/// A book of checkpoints that all downloads of one archive share.
pub trait Ledger: Send + Sync {
    /// Writes a checkpoint of an entry down; when that cannot be done, less is known later, and nothing worse.
    fn note(&self, index: usize, checkpoint: Checkpoint);

    /// Writes down that an entry was seen whole, and is what was declared.
    fn note_whole(&self, index: usize, checksums: Checksums);

    /// Reads what was written down so far.
    fn seen(&self) -> BoxFuture<'_, Seen>;
}

/// Notes checkpoints of the entry that is being written, each interval once.
pub(super) struct Scribe {
    ledger: Option<Arc<dyn Ledger>>,
    /// The offset at which the next one is due.
    due: u64,
}

impl Scribe {
    /// Notes nothing without a ledger.
    pub(super) fn new(ledger: Option<Arc<dyn Ledger>>) -> Scribe {
        Scribe { ledger, due: INTERVAL }
    }

    /// Begins an entry at an offset.
    pub(super) fn begin(&mut self, offset: u64) {
        self.due = offset + INTERVAL;
    }

    /// Whether a checkpoint is due behind `offset` bytes of an entry.
    pub(super) fn is_due(&self, offset: u64) -> bool {
        self.ledger.is_some() && offset >= self.due
    }

    /// Notes one.
    pub(super) fn note(&mut self, index: usize, checkpoint: Checkpoint) {
        self.due = checkpoint.offset + INTERVAL;
        if let Some(ledger) = &self.ledger {
            ledger.note(index, checkpoint);
        }
    }

    /// Notes that an entry was seen whole, and is what was declared.
    pub(super) fn note_whole(&self, index: usize, checksums: Checksums) {
        if let Some(ledger) = &self.ledger {
            ledger.note_whole(index, checksums);
        }
    }
}

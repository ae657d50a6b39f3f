//! A link's book as an archive writes it.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    archive, links,
    plan::{Checkpoint, Checksums, Seen},
};

/// The book of a link's download.
pub(super) struct Ledger(pub(super) Arc<links::Book>);

impl archive::Ledger for Ledger {
    fn note(&self, index: usize, checkpoint: Checkpoint) {
        self.0.note(index, checkpoint);
    }

    fn note_whole(&self, index: usize, checksums: Checksums) {
        self.0.note_whole(index, checksums);
    }

    fn seen(&self) -> BoxFuture<'_, Seen> {
        self.0.seen().boxed()
    }
}

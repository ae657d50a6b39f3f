//! What the operators are told of archives under way: entries, sources by outcome, and what is held at this moment.
//!
//! How an archive ended is told where its answer ends, in `api`.

use std::sync::Arc;

use metrics::{Counter, Gauge};

use super::{Failure, Reason};
use crate::budget::Budget;
use crate::descriptor::Source;
use crate::plan::Entry;
use crate::zip::Method;

/// The series of sources.
const SOURCES: &str = "zipstream_sources_total";

/// The outcome of sources that failed and were left out.
const SKIPPED: &str = "skipped";

/// The handles of all archives.
pub(super) struct Meter {
    deflated: Counter,
    read: Counter,
    stored: Counter,
    held: Gauge,
    held_limit: Gauge,
    open: Gauge,
    open_limit: Gauge,
}

impl Meter {
    /// Looks the handles up.
    pub(super) fn new() -> Arc<Meter> {
        let entries = |method| metrics::counter!("zipstream_entries_total", "method" => method);
        metrics::counter!(SOURCES, "outcome" => "mismatch").absolute(0);
        metrics::counter!(SOURCES, "outcome" => SKIPPED).absolute(0);
        Arc::new(Meter {
            deflated: entries("deflate"),
            read: metrics::counter!(SOURCES, "outcome" => "read"),
            stored: entries("store"),
            held: metrics::gauge!("zipstream_held_bytes"),
            held_limit: metrics::gauge!("zipstream_held_bytes_limit"),
            open: metrics::gauge!("zipstream_open_archives"),
            open_limit: metrics::gauge!("zipstream_open_archives_limit"),
        })
    }

    /// Counts an entry that is complete.
    pub(super) fn note_entry(&self, entry: &Entry) {
        match entry.method() {
            Method::Deflate => self.deflated.increment(1),
            Method::Store | Method::StoredBlocks => self.stored.increment(1),
        }
        match &entry.source {
            Source::Http(_) => self.read.increment(1),
            Source::Data(_) | Source::Directory => {}
        }
    }

    /// Counts a source that failed its archive.
    pub(super) fn note_failure(&self, failure: &Failure) {
        let outcome = match &failure.reason {
            Reason::Mismatch { .. } => "mismatch",
            Reason::Source(error) => error.as_str(),
            Reason::Compressor
            | Reason::Encoder(_)
            | Reason::NotDivisible
            | Reason::Overloaded
            | Reason::TooLarge(_) => return,
        };
        metrics::counter!(SOURCES, "outcome" => outcome).increment(1);
    }

    /// Counts a source that failed and was left out.
    pub(super) fn note_skipped(&self) {
        metrics::counter!(SOURCES, "outcome" => SKIPPED).increment(1);
    }

    /// Sets what stands at this moment: archives open, and bytes held ahead, each beside its limit.
    pub(super) fn observe(&self, open: usize, open_limit: usize, budget: &Budget) {
        self.held.set(budget.held() as f64);
        self.held_limit.set(budget.total() as f64);
        self.open.set(open as f64);
        self.open_limit.set(open_limit as f64);
    }
}

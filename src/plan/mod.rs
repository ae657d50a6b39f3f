//! What will be produced, frozen: the descriptor joined with what was learnt from its sources.
//!
//! The archive's bytes are a function of this value alone: no clock, no randomness and no network chunk may
//! reach them after it was made. It is pure: it fetches nothing and knows no runtime.

mod entry;
mod head;

use crate::descriptor;
use crate::zip;

pub use entry::{Entry, Form};
pub use head::{Head, Validator};

/// The frozen plan of one archive.
#[derive(Debug)]
pub struct Plan {
    /// The entries in the order of the archive.
    pub entries: Vec<Entry>,
}

impl Plan {
    /// Joins a descriptor's entries with what their sources told; `heads[i]` is `None` where source `i` was silent
    /// or is none. `now` (Unix seconds) is the time of entries that nobody gave one.
    pub fn new(
        entries: Vec<descriptor::Entry>,
        heads: Vec<Option<Head>>,
        inline_size: u64,
        now: i64,
    ) -> Plan {
        let entries = entries
            .into_iter()
            .zip(heads.into_iter().chain(std::iter::repeat_with(|| None)))
            .map(|(entry, head)| Entry::new(entry, head, inline_size, now))
            .collect();
        Plan { entries }
    }

    /// The sum of the sources' known lengths, in bytes; saturates.
    pub fn known_size(&self) -> u64 {
        self.entries.iter().filter_map(Entry::length).fold(0, u64::saturating_add)
    }

    /// The length of the archive in bytes, where every size is known and nothing is compressed.
    pub fn archive_length(&self) -> Option<u64> {
        let entries: Option<Vec<zip::Entry>> = self.entries.iter().map(Entry::sketch).collect();
        zip::Layout::of(&entries?).map(|layout| layout.length())
    }
}

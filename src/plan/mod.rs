//! What will be produced, frozen: the descriptor joined with what was learnt from its sources.
//!
//! The archive's bytes are a function of this value alone: no clock, no randomness and no network chunk may
//! reach them after it was made. It is pure: it fetches nothing and knows no runtime.

mod checkpoint;
mod compressed;
mod entry;
mod etag;
mod facts;
mod head;
mod manifest;

use crate::descriptor::{self, Source};
use crate::zip;

pub use checkpoint::{Checkpoint, Checksums, Seen, Sight};
pub use compressed::compressed_by;
pub use entry::{Entry, Form};
pub use facts::Facts;
pub use head::{Head, Validator};
pub use manifest::{Manifest, Proof, Skipped};

/// The frozen plan of one archive.
#[derive(Debug)]
pub struct Plan {
    /// The entries in the order of the archive.
    pub entries: Vec<Entry>,
    /// What lists them, behind them, where it is asked for.
    pub manifest: Option<Manifest>,
}

/// Sources that are larger together than an archive may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sources are larger together than the {limit} bytes that an archive may hold")]
pub struct TooLarge {
    /// The limit in bytes.
    pub limit: u64,
}

impl Plan {
    /// Joins a descriptor's entries, and their manifest, with what was learnt of their sources.
    pub fn new(
        entries: Vec<descriptor::Entry>,
        manifest: Option<descriptor::Manifest>,
        facts: Facts,
    ) -> Plan {
        let manifest = manifest.map(|manifest| Manifest::new(manifest, facts.time));
        let is_listed = manifest.is_some();
        let heads = facts.heads.into_iter().chain(std::iter::repeat_with(|| None));
        let compressed = facts.compressed.into_iter().chain(std::iter::repeat(false));
        let join = |((entry, head), compressed)| {
            let mut entry = Entry::new(entry, head, compressed, facts.inline_size, facts.time);
            entry.is_listed = is_listed;
            entry
        };
        let entries = entries.into_iter().zip(heads).zip(compressed).map(join).collect();
        Plan { entries, manifest }
    }

    /// The sum of the known lengths of the sources that are not left out, in bytes; saturates.
    pub fn known_size(&self) -> u64 {
        let kept = self.entries.iter().filter(|entry| entry.skipped.is_none());
        kept.filter_map(Entry::length).fold(0, u64::saturating_add)
    }

    /// The sum of the sources' lengths, in bytes, where all of them are known; saturates.
    pub fn total_size(&self) -> Option<u64> {
        self.entries.iter().all(|entry| entry.length().is_some()).then(|| self.known_size())
    }

    /// Whether entries may be left out.
    pub fn skips(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.skips)
    }

    /// Whether all sources that were to be asked are left out: then nothing is worth an archive.
    pub fn is_hollow(&self) -> bool {
        let is_asked = |entry: &&Entry| matches!(entry.source, Source::Http(_));
        let mut asked = self.entries.iter().filter(is_asked).peekable();
        asked.peek().is_some() && asked.all(|entry| entry.skipped.is_some())
    }

    /// Holds the known lengths against the most that an archive may hold, in bytes.
    ///
    /// # Errors
    /// When they exceed it.
    pub fn check_size(&self, limit: u64) -> Result<(), TooLarge> {
        if self.known_size() > limit { Err(TooLarge { limit }) } else { Ok(()) }
    }

    /// The length of the archive in bytes, where every size is known, nothing is compressed and nothing can be left out.
    pub fn archive_length(&self) -> Option<u64> {
        self.layout().map(|layout| layout.length())
    }

    /// Where every byte of the archive stands, when every size is known, nothing is compressed and nothing can be left
    /// out; the manifest is the last of its pieces.
    pub fn layout(&self) -> Option<zip::Layout> {
        let mut entries = self.entries.iter().map(Entry::sketch).collect::<Option<Vec<zip::Entry>>>()?;
        if let Some(manifest) = &self.manifest {
            entries.push(manifest.sketch(&self.entries)?);
        }
        zip::Layout::of(&entries)
    }

    /// The archive's strong entity tag (RFC 9110 §8.8.3), with its quotes: equal ones mean equal bytes. There is one
    /// exactly where any part of the archive can be made again: the layout is known, and every source proves its bytes.
    pub fn etag(&self) -> Option<String> {
        self.layout()?;
        etag::of(&self.entries, self.manifest.as_ref())
    }
}

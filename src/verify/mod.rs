//! Judging an archive: whether every byte of it is as this program writes it, and what its manifest lists.
//!
//! ```text
//! end records ──▶ central directory ──▶ for each entry: encode again what stands around the data, compare
//!                                                       read the data once: size, CRC-32, SHA-256
//!                 encode again, compare ◀───────────────┘                          └──▶ manifest
//! ```
//! A reader of ZIP files looks at half of the fields, so most flipped bits change nothing that it would see. Here the
//! encoder writes all headers a second time, from what the central directory tells, and every octet must be the same:
//! no field is left that nobody compares, except those that nothing else repeats.
//!
//! Memory is that of the central directory and the manifest; data passes by.

mod contents;
mod directory;
mod fault;
mod field;
mod judge;
mod manifest;
mod section;

use std::fs::File;
use std::io;

pub use fault::{Fault, Kind};

use judge::Judge;
use section::Bytes;

/// What an archive is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// The manifest that it holds under this name.
    Manifest(String),
    /// Nothing but itself.
    Itself,
}

/// Who is told while an archive is judged.
pub trait Listener {
    /// The archive is judged up to here, in bytes.
    fn note_progress(&mut self, position: u64);

    /// Something is wrong.
    fn note_fault(&mut self, fault: Fault);
}

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Entries of the archive, its manifest among them.
    pub entries: usize,
    /// How many things are wrong.
    pub faults: usize,
}

/// Judges the archive that a file holds. Its position is not used.
///
/// # Errors
/// When the file cannot be read, which says nothing about the archive.
pub fn verify(archive: &File, against: &Against, listener: &mut dyn Listener) -> io::Result<Verdict> {
    Judge::new(Bytes::of(archive)?, against, listener).judge()
}

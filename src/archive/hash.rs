//! The checksums of an entry that is read for its own sake: for what a part of an archive tells of it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::fetch;
use crate::plan::{Checkpoint, Checksums, Entry, Seen};
use crate::zip::{self, BlockCutter, Method, StoredBlocks};

use super::Reason;
use super::check::Check;
use super::chunk::Chunk;

/// The checksums of an entry as its bytes pass by.
pub(super) struct Hash {
    check: Check,
    crc32: zip::Crc32,
    compressed: Option<Compressed>,
    pub(super) offset: u64,
    /// How many bytes there are.
    length: Option<u64>,
}

/// The CRC-32 of the stored blocks that an entry's bytes stand in, where a manifest tells of it.
struct Compressed {
    cutter: BlockCutter,
    crc32: zip::Crc32,
}

impl Hash {
    /// Starts with the last checkpoint at or before an offset, or with nothing.
    pub(super) fn before(seen: &Seen, index: usize, entry: &Entry, offset: u64) -> Hash {
        let resumed = seen.before(index, offset).and_then(|checkpoint| {
            let check = Check::resume(&entry.expected, entry.is_listed, checkpoint)?;
            let crc32 = zip::Crc32::resume(checkpoint.crc32, checkpoint.offset);
            let compressed = match Compressed::is_told(entry) {
                true => Some(Compressed::behind(checkpoint.offset, checkpoint.compressed_crc32?, entry)),
                false => None,
            };
            Some(Hash { check, crc32, compressed, offset: checkpoint.offset, length: entry.length() })
        });
        resumed.unwrap_or_else(|| Hash {
            check: Check::new(&entry.expected, entry.is_listed),
            crc32: zip::Crc32::new(),
            compressed: Compressed::is_told(entry).then(|| Compressed::behind(0, 0, entry)),
            offset: 0,
            length: entry.length(),
        })
    }

    /// Sees bytes; fails at once when they are more than was declared.
    pub(super) fn see(&mut self, bytes: &Bytes) -> Result<(), Reason> {
        let chunk = Chunk::new(bytes.clone(), true);
        self.offset += chunk.len();
        self.crc32.append(chunk.digest());
        if let Some(compressed) = &mut self.compressed {
            compressed.see(bytes);
        }
        self.check.see(&chunk)
    }

    /// The state behind what was seen.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            offset: self.offset,
            crc32: self.crc32.value(),
            compressed_crc32: self.compressed_crc32(),
            sha256: self.check.sha256(),
        }
    }

    /// Judges the whole and tells its checksums.
    pub(super) fn finish(self) -> Result<Checksums, Reason> {
        if self.length.is_some_and(|length| length != self.offset) {
            return Err(fetch::Error::Truncated.into());
        }
        let (crc32, compressed_crc32) = (self.crc32.value(), self.compressed_crc32());
        let sha256 = self.check.finish()?.and_then(|proof| proof.checksums.sha256);
        Ok(Checksums { crc32, compressed_crc32, sha256 })
    }

    fn compressed_crc32(&self) -> Option<u32> {
        self.compressed.as_ref().map(|compressed| compressed.crc32.value())
    }
}

impl Compressed {
    /// Whether a manifest tells of it.
    fn is_told(entry: &Entry) -> bool {
        entry.is_listed && entry.method() == Method::StoredBlocks
    }

    /// Goes on behind an offset of the entry's bytes.
    fn behind(offset: u64, crc32: u32, entry: &Entry) -> Compressed {
        let cutter = BlockCutter::behind(offset, entry.length().unwrap_or(offset));
        let position = StoredBlocks { length: entry.length().unwrap_or(offset) }.place(offset);
        Compressed { cutter, crc32: zip::Crc32::resume(crc32, position) }
    }

    fn see(&mut self, bytes: &Bytes) {
        let mut pieces = VecDeque::new();
        self.cutter.push(bytes.clone(), &mut pieces);
        pieces.iter().for_each(|piece| self.crc32.update(piece));
    }
}

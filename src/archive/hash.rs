//! The checksums of an entry that is read for its own sake: for what a part of an archive tells of it.

use bytes::Bytes;

use crate::plan::{Checkpoint, Entry, Seen};
use crate::zip::{self, Digest};

use super::Reason;
use super::check::Check;

/// The checksums of an entry as its bytes pass by.
pub(super) struct Hash {
    check: Check,
    crc32: zip::Crc32,
    pub(super) offset: u64,
}

impl Hash {
    /// Starts with the last checkpoint at or before an offset, or with nothing.
    pub(super) fn before(seen: &Seen, index: usize, entry: &Entry, offset: u64) -> Hash {
        let resumed = seen.before(index, offset).and_then(|checkpoint| {
            let check = Check::resume(&entry.expected, checkpoint)?;
            let crc32 = zip::Crc32::resume(checkpoint.crc32, checkpoint.offset);
            Some(Hash { check, crc32, offset: checkpoint.offset })
        });
        let fresh =
            || Hash { check: Check::new(&entry.expected, false), crc32: zip::Crc32::new(), offset: 0 };
        resumed.unwrap_or_else(fresh)
    }

    /// Sees bytes; fails at once when they are more than was declared.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.offset += bytes.len() as u64;
        self.crc32.update(bytes);
        self.check.see(bytes)
    }

    /// The state behind what was seen.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { offset: self.offset, crc32: self.crc32.value(), sha256: self.check.sha256() }
    }

    /// Judges the whole and tells its CRC.
    pub(super) fn finish(self) -> Result<u32, Reason> {
        self.check.finish()?;
        Ok(self.crc32.value())
    }
}

/// The digest of bytes at hand.
pub(super) fn digest_of(raw: &[Bytes]) -> Digest {
    let mut crc32 = zip::Crc32::new();
    raw.iter().for_each(|chunk| crc32.update(chunk));
    Digest { crc32: crc32.value(), size: raw.iter().map(|chunk| chunk.len() as u64).sum() }
}

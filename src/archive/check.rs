//! What a descriptor declares of a source, held against its bytes as they pass by.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256};

use crate::descriptor::{Expected, Mismatch};
use crate::plan::{Checkpoint, Checksums, Proof};
use crate::zip;

use super::Reason;
use super::chunk::Chunk;

/// Counts and hashes one source's bytes, as far as somebody asked for it.
pub(super) struct Check {
    expected: Expected,
    size: u64,
    crc32: Option<zip::Crc32>,
    sha256: Option<Sha256>,
    /// Whether all there is to know is wanted, for a manifest.
    is_listed: bool,
}

impl Check {
    /// Starts with nothing seen of an entry that a manifest lists, or does not.
    pub(super) fn new(expected: &Expected, is_listed: bool) -> Check {
        Check {
            size: 0,
            crc32: (is_listed || expected.crc32.is_some()).then(zip::Crc32::new),
            sha256: (is_listed || expected.sha256.is_some()).then(Sha256::new),
            expected: *expected,
            is_listed,
        }
    }

    /// Goes on behind a checkpoint; `None` where it does not hold what is wanted here.
    pub(super) fn resume(expected: &Expected, is_listed: bool, checkpoint: &Checkpoint) -> Option<Check> {
        let fresh = Check::new(expected, is_listed);
        let sha256 = match (&fresh.sha256, &checkpoint.sha256) {
            (None, _) => None,
            (Some(_), None) => return None,
            (Some(_), Some(state)) => {
                let state = SerializedState::<Sha256>::try_from(state.as_slice()).ok()?;
                Some(Sha256::deserialize(&state).ok()?)
            }
        };
        let crc32 = fresh.crc32.as_ref().map(|_| zip::Crc32::resume(checkpoint.crc32, checkpoint.offset));
        Some(Check { size: checkpoint.offset, crc32, sha256, ..fresh })
    }

    /// The state of SHA-256, where one is kept.
    pub(super) fn sha256(&self) -> Option<Vec<u8>> {
        self.sha256.as_ref().map(|sha256| sha256.serialize().to_vec())
    }

    /// Sees bytes; fails at once when they are more than was declared.
    pub(super) fn see(&mut self, chunk: &Chunk) -> Result<(), Reason> {
        self.size += chunk.len();
        if let Some(crc32) = &mut self.crc32 {
            crc32.append(chunk.digest());
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(&chunk.bytes);
        }
        match self.expected.size {
            Some(expected) if self.size > expected => {
                Err(mismatch("size", &expected, format!("at least {}", self.size)))
            }
            _ => Ok(()),
        }
    }

    /// Judges the whole; returns what a manifest tells of it.
    pub(super) fn finish(self) -> Result<Option<Proof>, Reason> {
        if let Some(expected) = self.expected.size.filter(|&expected| expected != self.size) {
            return Err(mismatch("size", &expected, self.size.to_string()));
        }
        let crc32 = self.crc32.map(|crc32| crc32.value());
        if let (Some(expected), Some(actual)) = (self.expected.crc32, crc32)
            && expected != actual
        {
            return Err(mismatch("crc32", &format!("{expected:08x}"), format!("{actual:08x}")));
        }
        let sha256: Option<[u8; 32]> = self.sha256.map(|sha256| sha256.finalize().into());
        if let (Some(expected), Some(actual)) = (self.expected.sha256, sha256)
            && expected != actual
        {
            return Err(mismatch("sha256", &hex::encode(expected), hex::encode(actual)));
        }
        let proof =
            |crc32| Proof { size: self.size, checksums: Checksums { crc32, compressed_crc32: None, sha256 } };
        Ok(crc32.filter(|_| self.is_listed).map(proof))
    }
}

fn mismatch(field: &'static str, expected: &impl ToString, actual: String) -> Reason {
    Mismatch { field, expected: expected.to_string(), actual }.into()
}

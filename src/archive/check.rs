//! What a descriptor declares of a source, held against its bytes as they pass by.

use sha2::{Digest as _, Sha256};

use crate::descriptor::Expected;
use crate::zip;

use super::Reason;

/// Counts and hashes one source's bytes, as far as somebody asked for it.
pub(super) struct Check {
    expected: Expected,
    size: u64,
    crc32: Option<zip::Crc32>,
    sha256: Option<Sha256>,
}

impl Check {
    /// Starts with nothing seen.
    pub(super) fn new(expected: &Expected) -> Check {
        Check {
            size: 0,
            crc32: expected.crc32.map(|_| zip::Crc32::new()),
            sha256: expected.sha256.map(|_| Sha256::new()),
            expected: *expected,
        }
    }

    /// Sees bytes; fails at once when they are more than was declared.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.size += bytes.len() as u64;
        if let Some(crc32) = &mut self.crc32 {
            crc32.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        match self.expected.size {
            Some(expected) if self.size > expected => {
                Err(mismatch("size", &expected, format!("at least {}", self.size)))
            }
            _ => Ok(()),
        }
    }

    /// Judges the whole.
    pub(super) fn finish(self) -> Result<(), Reason> {
        if let Some(expected) = self.expected.size.filter(|&expected| expected != self.size) {
            return Err(mismatch("size", &expected, self.size.to_string()));
        }
        let crc32 = self.crc32.map(|crc32| crc32.value());
        if let (Some(expected), Some(actual)) = (self.expected.crc32, crc32)
            && expected != actual
        {
            return Err(mismatch("crc32", &format!("{expected:08x}"), format!("{actual:08x}")));
        }
        if let (Some(expected), Some(sha256)) = (self.expected.sha256, self.sha256) {
            let actual = hex::encode(sha256.finalize());
            if hex::encode(expected) != actual {
                return Err(mismatch("sha256", &hex::encode(expected), actual));
            }
        }
        Ok(())
    }
}

/// Holds a source's announced length against the declared one.
pub(super) fn announced(expected: &Expected, length: Option<u64>) -> Result<(), Reason> {
    match (expected.size, length) {
        (Some(expected), Some(length)) if expected != length => {
            Err(mismatch("size", &expected, length.to_string()))
        }
        _ => Ok(()),
    }
}

fn mismatch(field: &'static str, expected: &impl ToString, actual: String) -> Reason {
    Reason::Mismatch { field, expected: expected.to_string(), actual }
}

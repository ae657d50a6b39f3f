//! What a client knows of a source's bytes beforehand: their number and checksums.
//!
//! They are promises that the archive keeps: bytes that differ fail the source. Those of sources whose bytes are in
//! the descriptor are judged at once.

use sha2::{Digest, Sha256};

use super::Error;
use super::members::Members;
use super::pointer::Pointer;
use super::raw::{Node, Value};
use super::violation::Report;

/// The greatest size: the integers up to it are exact in every JSON reader (RFC 8259, 6), and sums of many such
/// sizes are far from overflowing.
const MAX_SIZE: u64 = 1 << 53;

/// What is expected of a source's bytes; what is absent is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Their number.
    pub size: Option<u64>,
    /// Their CRC-32.
    pub crc32: Option<u32>,
    /// Their SHA-256.
    pub sha256: Option<[u8; 32]>,
}

/// A source that is not what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source is not what the descriptor declares: its {field} is {actual}, not {expected}")]
pub struct Mismatch {
    /// Which expectation: `size`, `crc32` or `sha256`.
    pub field: &'static str,
    /// What the descriptor says.
    pub expected: String,
    /// What the source has.
    pub actual: String,
}

impl Mismatch {
    /// The word for it in problem documents and manifests.
    pub const CODE: &'static str = "source_mismatch";
}

impl Expected {
    /// Reads the expectations of a file.
    pub(super) fn read(members: &Members<'_, '_>, at: Pointer<'_>, report: &mut Report) -> Expected {
        Expected {
            size: members.optional("size", at, report, parse_size),
            crc32: members.optional("crc32", at, report, parse_crc32),
            sha256: members.optional("sha256", at, report, parse_sha256),
        }
    }

    /// Compares with bytes at hand and returns every expectation that they do not meet.
    pub(super) fn mismatches(&self, data: &[u8]) -> Vec<(&'static str, Error)> {
        let mut found = Vec::new();
        let mut note = |field, actual| found.push((field, Error::DataMismatch { field, actual }));
        let size = data.len() as u64;
        if self.size.is_some_and(|expected| expected != size) {
            note("size", size.to_string());
        }
        if let Some(expected) = self.crc32 {
            let actual = crc32fast::hash(data);
            if actual != expected {
                note("crc32", format!("{actual:08x}"));
            }
        }
        if let Some(expected) = self.sha256 {
            let actual = Sha256::digest(data);
            if actual[..] != expected {
                note("sha256", hex::encode(actual));
            }
        }
        found
    }

    /// Compares with the length that a source told.
    ///
    /// # Errors
    /// When it is another than was declared.
    pub fn check_length(&self, told: Option<u64>) -> Result<(), Mismatch> {
        match (self.size, told) {
            (Some(expected), Some(actual)) if expected != actual => {
                let (expected, actual) = (expected.to_string(), actual.to_string());
                Err(Mismatch { field: "size", expected, actual })
            }
            _ => Ok(()),
        }
    }
}

/// Reads a number of bytes.
fn parse_size(node: &Node<'_>) -> Result<u64, Error> {
    match node.value {
        Value::Unsigned(size) if size <= MAX_SIZE => Ok(size),
        _ => Err(Error::Size { limit: MAX_SIZE }),
    }
}

/// Reads 8 hexadecimal digits.
fn parse_crc32(node: &Node<'_>) -> Result<u32, Error> {
    let mut bytes = [0; 4];
    hex::decode_to_slice(node.as_str().unwrap_or_default(), &mut bytes).map_err(|_| Error::Crc32)?;
    Ok(u32::from_be_bytes(bytes))
}

/// Reads 64 hexadecimal digits.
fn parse_sha256(node: &Node<'_>) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(node.as_str().unwrap_or_default(), &mut bytes).map_err(|_| Error::Sha256)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a JSON text with one of the readers.
    fn read<T>(json: &str, parse: fn(&Node<'_>) -> Result<T, Error>) -> Option<T> {
        parse(&Node::parse(json.as_bytes()).unwrap()).ok()
    }

    #[test]
    fn reads_sizes_and_checksums() {
        assert_eq!(read("0", parse_size), Some(0));
        assert_eq!(read("9007199254740992", parse_size), Some(1 << 53));
        for json in ["-1", "1.0", "1e3", "9007199254740993", "\"5\"", "true"] {
            assert_eq!(read(json, parse_size), None, "{json}");
        }
        assert_eq!(read("\"1C291ca3\"", parse_crc32), Some(0x1c29_1ca3));
        for json in ["\"1c291ca\"", "\"+c291ca3\"", "\"0x1c291c\"", "\"\"", "470359203"] {
            assert_eq!(read(json, parse_crc32), None, "{json}");
        }
        assert_eq!(read(&format!("\"{}\"", "0f".repeat(32)), parse_sha256), Some([15; 32]));
        assert_eq!(read(&format!("\"{}\"", "0f".repeat(31)), parse_sha256), None);
    }

    #[test]
    fn finds_every_mismatch() {
        let data = b"123456789";
        let right =
            Expected { size: Some(9), crc32: Some(0xcbf4_3926), sha256: Some(Sha256::digest(data).into()) };
        assert!(right.mismatches(data).is_empty());
        assert!(Expected::default().mismatches(data).is_empty());
        let fields: Vec<_> = right.mismatches(b"12345678").into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["size", "crc32", "sha256"]);
    }
}

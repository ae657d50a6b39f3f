//! What can go wrong while an archive is encoded.
//!
//! [`Error::Mismatch`] tells of data that is not what was announced; everything else is misuse by the caller. After any
//! of them the encoder refuses to go on, so that no archive can look whole that is not.

use std::fmt;

/// A failure of the encoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A directory has data, a method or a data descriptor.
    #[error("a directory cannot have content")]
    DirectoryContent,
    /// The digest of a DEFLATE entry was not given, or one was given for a stored entry.
    #[error("the digest is given exactly for deflated entries")]
    Digest,
    /// A DEFLATE entry has no compressed bytes; even an empty one has two.
    #[error("a deflated entry cannot be without compressed bytes")]
    EmptyDeflate,
    /// An entry is still open.
    #[error("an entry is still open")]
    EntryOpen,
    /// The encoder failed before.
    #[error("the encoder failed before")]
    Failed,
    /// The data is not what was announced.
    #[error("the {measure} is {actual}, not {expected}")]
    Mismatch {
        /// What differs.
        measure: Measure,
        /// What was announced.
        expected: u64,
        /// What was counted so far; at least this, when the data goes on.
        actual: u64,
    },
    /// The mode has bits beyond the permissions.
    #[error("the mode {mode:o} has bits beyond the permissions")]
    Mode {
        /// The mode as it was given.
        mode: u16,
    },
    /// The name has no octets.
    #[error("an entry name cannot be empty")]
    NameEmpty,
    /// The name is longer than its field can say.
    #[error("an entry name of {length} octets exceeds 65535")]
    NameTooLong {
        /// The name's length in octets.
        length: usize,
    },
    /// No entry is open.
    #[error("no entry is open")]
    NoEntry,
    /// Compressed data outgrew the 32-bit form that its announced length chose.
    #[error("{compressed} compressed bytes exceed what the announced length allows")]
    Overflow {
        /// The compressed bytes that were counted.
        compressed: u64,
    },
    /// Data came by the other method's way.
    #[error("the data does not follow the entry's method")]
    WrongMethod,
}

/// What of an entry is counted and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes in the archive.
    CompressedSize,
    /// CRC-32 of the uncompressed bytes.
    Crc32,
    /// Uncompressed bytes.
    Size,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Measure::CompressedSize => "compressed size",
            Measure::Crc32 => "CRC-32",
            Measure::Size => "size",
        })
    }
}

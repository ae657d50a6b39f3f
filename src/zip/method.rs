//! How an entry's data is written.

use super::StoredBlocks;

/// A compression method (APPNOTE 4.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Method 8, a raw DEFLATE stream.
    Deflate,
    /// Method 0, the bytes as they are.
    Store,
    /// Method 8, the bytes as they are in stored blocks: readers that cannot seek find the end of them.
    StoredBlocks,
}

/// What DEFLATE may add to data that does not compress, beyond a sixteenth of it, in bytes: room for an empty entry
/// and for an encoder's last flushes.
const DEFLATE_SLACK: u64 = 64 << 10;

impl Method {
    /// Returns the number in the headers.
    pub(super) const fn code(self) -> u16 {
        match self {
            Method::Deflate | Method::StoredBlocks => 8,
            Method::Store => 0,
        }
    }

    /// Says whether the data passes by uncompressed, so that the encoder sees it.
    pub(super) const fn is_stored(self) -> bool {
        matches!(self, Method::Store | Method::StoredBlocks)
    }

    /// Returns how many bytes in the archive so many uncompressed ones become, where that is known.
    pub(super) const fn stored_len(self, length: u64) -> Option<u64> {
        match self {
            Method::Deflate => None,
            Method::Store => Some(length),
            Method::StoredBlocks => Some(StoredBlocks { length }.encoded_len()),
        }
    }

    /// Returns the most bytes that so many uncompressed ones may become.
    ///
    /// A sixteenth is added for DEFLATE: what compresses is not known here. Stored blocks add 0.1 % to data that does not
    /// shrink, and encoders that write none far more. Too much costs an entry near 4 GiB a few bytes of zip64 fields,
    /// too little its header.
    pub(super) const fn most(self, length: u64) -> u64 {
        match self {
            Method::Deflate => length.saturating_add(length / 16).saturating_add(DEFLATE_SLACK),
            Method::Store => length,
            Method::StoredBlocks => StoredBlocks { length }.encoded_len(),
        }
    }
}

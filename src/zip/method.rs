//! How an entry's data is written.

/// A compression method (APPNOTE 4.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Method 8, a raw DEFLATE stream.
    Deflate,
    /// Method 0, the bytes as they are.
    Store,
}

/// What DEFLATE may add to data that does not compress, beyond a sixteenth of it, in bytes: room for an empty entry
/// and for an encoder's last flushes.
const DEFLATE_SLACK: u64 = 64 << 10;

impl Method {
    /// Returns the number in the headers.
    pub(super) const fn code(self) -> u16 {
        match self {
            Method::Deflate => 8,
            Method::Store => 0,
        }
    }

    /// Returns the most bytes that so many uncompressed ones may become.
    ///
    /// A sixteenth is added for DEFLATE, since fast levels were seen to expand random data by 5.5 %.
    pub(super) const fn most(self, length: u64) -> u64 {
        match self {
            Method::Deflate => length.saturating_add(length / 16).saturating_add(DEFLATE_SLACK),
            Method::Store => length,
        }
    }
}

//! The data descriptor, which tells after the data what the header could not (APPNOTE 4.3.9).
//!
//! Always signed. Its sizes are of 64 bits when the header announced so by a ZIP64 extra field, and else only when one
//! outgrew 32 bits: forward-only readers judge the width by the header, the others do not need it.

use bytes::{BufMut, BytesMut};

use super::entry::{Digest, Entry, Form};
use super::spec;

/// The data descriptor of a streamed entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataDescriptor {
    /// Length and CRC of the uncompressed bytes.
    digest: Digest,
    /// Bytes in the archive.
    compressed_size: u64,
    /// Whether the sizes are of 64 bits.
    large: bool,
}

impl DataDescriptor {
    /// Returns what follows an entry's data: nothing when its header told everything.
    pub(super) fn of(entry: &Entry, digest: Digest, compressed_size: u64) -> Option<DataDescriptor> {
        let large = match entry.form() {
            Form::Known | Form::KnownLarge => return None,
            Form::Streamed => digest.size.max(compressed_size) > u64::from(u32::MAX),
            Form::StreamedLarge => true,
        };
        Some(DataDescriptor { digest, compressed_size, large })
    }

    /// Says whether the sizes are of 64 bits.
    pub(super) const fn is_large(self) -> bool {
        self.large
    }

    /// Returns the record's length, in bytes.
    pub(super) const fn encoded_len(self) -> u64 {
        if self.large { 4 + 4 + 8 + 8 } else { 4 + 4 + 4 + 4 }
    }

    /// Appends the record.
    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_u32_le(spec::DATA_DESCRIPTOR);
        out.put_u32_le(self.digest.crc32);
        if self.large {
            out.put_u64_le(self.compressed_size);
            out.put_u64_le(self.digest.size);
        } else {
            // Whole values: the marker has no meaning here.
            out.put_u32_le(self.compressed_size as u32);
            out.put_u32_le(self.digest.size as u32);
        }
    }
}

//! Extra fields: what the fixed parts of the headers have no room for (APPNOTE 4.5).
//!
//! ZIP64 always comes first, because some readers look no further.

use bytes::{BufMut, BytesMut};

use super::Timestamp;

/// An extra field of a header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extra {
    /// Modification time in Unix seconds (0x5455); the access and creation times are left out, so that the field is the
    /// same in both headers.
    ExtendedTimestamp(Timestamp),
    /// ZIP64 (0x0001) of a central header: all four fields, whichever of them overflowed (APPNOTE 4.5.3).
    Zip64Central {
        /// Uncompressed bytes.
        size: u64,
        /// Bytes in the archive.
        compressed_size: u64,
        /// Where the local file header stands.
        offset: u64,
    },
    /// ZIP64 (0x0001) of a local file header, which must have both sizes.
    Zip64Local {
        /// Uncompressed bytes.
        size: u64,
        /// Bytes in the archive.
        compressed_size: u64,
    },
}

/// Length of a field's number and length, in bytes.
const HEAD: u16 = 4;
/// The extended timestamp's flag that says: the modification time is here.
const HAS_MODIFICATION_TIME: u8 = 1;

impl Extra {
    /// Returns the field's number.
    const fn id(self) -> u16 {
        match self {
            Extra::ExtendedTimestamp(_) => 0x5455,
            Extra::Zip64Central { .. } | Extra::Zip64Local { .. } => 0x0001,
        }
    }

    /// Returns the length of the field's body, in bytes.
    const fn body_len(self) -> u16 {
        match self {
            Extra::ExtendedTimestamp(_) => 1 + 4,
            Extra::Zip64Central { .. } => 8 + 8 + 8 + 4,
            Extra::Zip64Local { .. } => 8 + 8,
        }
    }

    /// Returns the field's length in the archive, in bytes.
    pub(super) const fn encoded_len(self) -> u16 {
        HEAD + self.body_len()
    }

    /// Appends the field.
    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_u16_le(self.id());
        out.put_u16_le(self.body_len());
        match self {
            Extra::ExtendedTimestamp(timestamp) => {
                out.put_u8(HAS_MODIFICATION_TIME);
                out.put_i32_le(timestamp.extended());
            }
            Extra::Zip64Central { size, compressed_size, offset } => {
                out.put_u64_le(size);
                out.put_u64_le(compressed_size);
                out.put_u64_le(offset);
                // The number of the first disk.
                out.put_u32_le(0);
            }
            Extra::Zip64Local { size, compressed_size } => {
                out.put_u64_le(size);
                out.put_u64_le(compressed_size);
            }
        }
    }
}

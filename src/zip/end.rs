//! The end of the archive: the end of central directory record, before it the zip64 record and its locator when needed.
//!
//! Nothing here is written before everything in front of it is whole.

use bytes::{BufMut, BytesMut};

use super::spec;

/// The end records of an archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Number of entries.
    pub(super) entries: u64,
    /// Where the central directory begins.
    pub(super) offset: u64,
    /// Length of the central directory, in bytes.
    pub(super) length: u64,
}

/// Length of the end of central directory record, in bytes (APPNOTE 4.3.16).
const END: u64 = 22;
/// Length of the zip64 end of central directory record, in bytes (APPNOTE 4.3.14).
const ZIP64_END: u64 = 56;
/// Length of its locator, in bytes (APPNOTE 4.3.15).
const ZIP64_END_LOCATOR: u64 = 20;
/// What the zip64 record's own length leaves out: its signature and the length itself, in bytes.
const ZIP64_END_HEAD: u64 = 12;

impl End {
    /// Returns the length of the records, in bytes.
    pub(super) fn encoded_len(self) -> u64 {
        if self.is_large() { ZIP64_END + ZIP64_END_LOCATOR + END } else { END }
    }

    /// Appends the records.
    pub(super) fn encode(self, out: &mut BytesMut) {
        if self.is_large() {
            self.encode_zip64(out);
        }
        out.put_u32_le(spec::END);
        // This disk and the one where the directory begins.
        out.put_u16_le(0);
        out.put_u16_le(0);
        out.put_u16_le(spec::field_16(self.entries));
        out.put_u16_le(spec::field_16(self.entries));
        out.put_u32_le(spec::field_32(self.length));
        out.put_u32_le(spec::field_32(self.offset));
        // No comment: a reader finds the record at a fixed place.
        out.put_u16_le(0);
    }

    /// Appends the zip64 record and its locator.
    fn encode_zip64(self, out: &mut BytesMut) {
        out.put_u32_le(spec::ZIP64_END);
        out.put_u64_le(ZIP64_END - ZIP64_END_HEAD);
        out.put_u16_le(spec::MADE_BY);
        out.put_u16_le(spec::VERSION_ZIP64);
        out.put_u32_le(0);
        out.put_u32_le(0);
        out.put_u64_le(self.entries);
        out.put_u64_le(self.entries);
        out.put_u64_le(self.length);
        out.put_u64_le(self.offset);
        out.put_u32_le(spec::ZIP64_END_LOCATOR);
        out.put_u32_le(0);
        out.put_u64_le(self.offset + self.length);
        // One disk in all.
        out.put_u32_le(1);
    }

    /// Says whether a field of the end of central directory record overflows.
    fn is_large(self) -> bool {
        self.entries >= u64::from(spec::MARKER_16)
            || spec::overflows(self.length)
            || spec::overflows(self.offset)
    }
}

//! The central directory: a header for each entry, encoded as soon as the entry is whole (APPNOTE 4.3.12).
//!
//! Only the encoded bytes are kept, about a hundred for each entry, in pieces that can be sent one after another.

use bytes::{BufMut, Bytes, BytesMut};

use super::entry::{Digest, Entry};
use super::extra::Extra;
use super::{end::End, spec};

/// The central header of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct CentralHeader<'a> {
    /// The entry as it was announced.
    pub(super) entry: &'a Entry,
    /// Where its local file header stands.
    pub(super) offset: u64,
    /// Length and CRC of its uncompressed bytes.
    pub(super) digest: Digest,
    /// Its bytes in the archive.
    pub(super) compressed_size: u64,
}

/// Length of a header's fixed part, in bytes.
const FIXED: u64 = 46;
/// File type bits of a regular file, as in Unix' `st_mode`.
const REGULAR_FILE: u16 = 0o100_000;
/// File type bits of a directory, as in Unix' `st_mode`.
const DIRECTORY: u16 = 0o040_000;
/// MS-DOS' attribute bit of a directory.
const MS_DOS_DIRECTORY: u32 = 0x10;

impl CentralHeader<'_> {
    /// Returns the header's length, in bytes.
    pub(super) fn encoded_len(self) -> u64 {
        FIXED + u64::from(self.entry.name.octets()) + u64::from(self.extra_len())
    }

    /// Appends the header.
    pub(super) fn encode(self, out: &mut BytesMut) {
        let Self { entry, offset, digest, compressed_size } = self;
        let ms_dos = entry.modified.ms_dos();
        let large = self.is_large();
        let field = |value| if large { spec::MARKER_32 } else { spec::field_32(value) };
        out.put_u32_le(spec::CENTRAL_HEADER);
        out.put_u16_le(spec::MADE_BY);
        out.put_u16_le(if large { spec::VERSION_ZIP64 } else { entry.version_needed() });
        out.put_u16_le(entry.flags());
        out.put_u16_le(entry.method.code());
        out.put_u16_le(ms_dos.time);
        out.put_u16_le(ms_dos.date);
        out.put_u32_le(digest.crc32);
        out.put_u32_le(field(compressed_size));
        out.put_u32_le(field(digest.size));
        out.put_u16_le(entry.name.octets());
        out.put_u16_le(self.extra_len());
        // No comment.
        out.put_u16_le(0);
        out.put_u16_le(if large { spec::MARKER_16 } else { 0 });
        // No internal attributes: nothing is known to be text.
        out.put_u16_le(0);
        out.put_u32_le(external_attributes(entry));
        out.put_u32_le(field(offset));
        out.put_slice(entry.name.as_str().as_bytes());
        for extra in self.extras() {
            extra.encode(out);
        }
    }

    /// Says whether a field overflows; then all four stand in the ZIP64 extra field.
    fn is_large(self) -> bool {
        spec::overflows(self.digest.size.max(self.compressed_size).max(self.offset))
    }

    /// Returns the extra fields in their order.
    fn extras(self) -> impl Iterator<Item = Extra> {
        let Self { offset, compressed_size, .. } = self;
        let zip64 = Extra::Zip64Central { size: self.digest.size, compressed_size, offset };
        self.is_large().then_some(zip64).into_iter().chain([Extra::ExtendedTimestamp(self.entry.modified)])
    }

    /// Returns the length of all extra fields, in bytes.
    fn extra_len(self) -> u16 {
        self.extras().map(Extra::encoded_len).sum()
    }
}

/// Returns the mode in the upper half, as Unix has it, and MS-DOS' attributes in the lower (APPNOTE 4.4.15).
fn external_attributes(entry: &Entry) -> u32 {
    let (kind, ms_dos) =
        if entry.name.is_directory() { (DIRECTORY, MS_DOS_DIRECTORY) } else { (REGULAR_FILE, 0) };
    u32::from(kind | entry.mode) << 16 | ms_dos
}

/// The central directory as far as entries are whole.
#[derive(Debug, Default)]
pub(super) struct CentralDirectory {
    /// Pieces that are full.
    full: Vec<Bytes>,
    /// The piece that grows.
    last: BytesMut,
    /// Number of headers.
    entries: u64,
    /// Length of all headers, in bytes.
    length: u64,
}

/// Most bytes of a piece (an end record may top the last one up): few enough not to hold back a reader, enough to be
/// worth a write.
const PIECE: usize = 256 << 10;

impl CentralDirectory {
    /// Adds the header of an entry that is whole.
    pub(super) fn push(&mut self, header: CentralHeader<'_>) {
        let length = header.encoded_len();
        if !self.last.is_empty() && self.last.len() as u64 + length > PIECE as u64 {
            self.full.push(std::mem::take(&mut self.last).freeze());
        }
        header.encode(&mut self.last);
        self.entries += 1;
        self.length += length;
    }

    /// Adds the end records to a directory that begins at `offset` and hands everything out in order.
    pub(super) fn finish(mut self, offset: u64) -> Vec<Bytes> {
        End { entries: self.entries, offset, length: self.length }.encode(&mut self.last);
        self.full.push(self.last.freeze());
        self.full
    }
}

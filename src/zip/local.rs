//! The local file header, which opens an entry (APPNOTE 4.3.7).

use bytes::{BufMut, BytesMut};

use super::entry::{Content, Digest, Entry, Form};
use super::extra::Extra;
use super::spec;

/// The local file header of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalFileHeader<'a>(pub(super) &'a Entry);

/// Length of the fixed part, in bytes.
const FIXED: u64 = 30;

impl LocalFileHeader<'_> {
    /// Returns the header's length, in bytes.
    pub(super) fn encoded_len(self) -> u64 {
        FIXED + u64::from(self.0.name.octets()) + u64::from(self.extra_len())
    }

    /// Appends the header.
    pub(super) fn encode(self, out: &mut BytesMut) {
        let entry = self.0;
        let ms_dos = entry.modified.ms_dos();
        let (digest, compressed_size) = self.sizes();
        let field = |value| if entry.form().is_large() { spec::MARKER_32 } else { spec::field_32(value) };
        out.put_u32_le(spec::LOCAL_FILE_HEADER);
        out.put_u16_le(entry.version_needed());
        out.put_u16_le(entry.flags());
        out.put_u16_le(entry.method.code());
        out.put_u16_le(ms_dos.time);
        out.put_u16_le(ms_dos.date);
        out.put_u32_le(digest.crc32);
        out.put_u32_le(field(compressed_size));
        out.put_u32_le(field(digest.size));
        out.put_u16_le(entry.name.octets());
        out.put_u16_le(self.extra_len());
        out.put_slice(entry.name.as_str().as_bytes());
        for extra in self.extras() {
            extra.encode(out);
        }
    }

    /// Returns what the header tells of the data: zeros when a data descriptor will.
    fn sizes(self) -> (Digest, u64) {
        match self.0.content {
            Content::Known { digest, compressed_size } => (digest, compressed_size),
            Content::Streamed { .. } => (Digest::default(), 0),
        }
    }

    /// Returns the extra fields in their order.
    fn extras(self) -> impl Iterator<Item = Extra> {
        let (digest, compressed_size) = self.sizes();
        let zip64 = match self.0.form() {
            Form::KnownLarge | Form::StreamedLarge => {
                Some(Extra::Zip64Local { size: digest.size, compressed_size })
            }
            Form::Known | Form::Streamed => None,
        };
        zip64.into_iter().chain([Extra::ExtendedTimestamp(self.0.modified)])
    }

    /// Returns the length of all extra fields, in bytes.
    fn extra_len(self) -> u16 {
        self.extras().map(Extra::encoded_len).sum()
    }
}

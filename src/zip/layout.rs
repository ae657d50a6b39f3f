//! The layout: where every byte of an archive will stand, before the first one is written.
//!
//! It adds up the `encoded_len()` of the very structures that the encoder writes. With it an archive has an exact
//! `Content-Length` and can be entered in the middle.

use super::central::CentralHeader;
use super::data_descriptor::DataDescriptor;
use super::end::End;
use super::entry::{Content, Digest, Entry};
use super::local::LocalFileHeader;

/// Every offset of an archive, ahead of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where each entry stands.
    pieces: Vec<Piece>,
    /// Where the central directory begins.
    central_directory: u64,
    /// Length of the whole.
    length: u64,
}

/// Where an entry stands in an archive, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its local file header.
    pub header: u64,
    /// Its data.
    pub data: u64,
    /// What follows its data: a data descriptor, or nothing.
    pub descriptor: u64,
    /// The next entry, or the central directory.
    pub end: u64,
}

impl Layout {
    /// Lays out entries in their order; `None` unless the size in the archive of every one of them is known.
    pub fn of(entries: &[Entry]) -> Option<Layout> {
        let mut pieces = Vec::with_capacity(entries.len());
        let (mut position, mut directory) = (0_u64, 0_u64);
        for entry in entries {
            let (digest, compressed_size) = sizes(entry)?;
            let header = position;
            let data = header.checked_add(LocalFileHeader(entry).encoded_len())?;
            let descriptor = data.checked_add(compressed_size)?;
            let descriptor_len =
                DataDescriptor::of(entry, digest, compressed_size).map_or(0, DataDescriptor::encoded_len);
            let end = descriptor.checked_add(descriptor_len)?;
            pieces.push(Piece { header, data, descriptor, end });
            directory += CentralHeader { entry, offset: header, digest, compressed_size }.encoded_len();
            position = end;
        }
        let end = End { entries: entries.len() as u64, offset: position, length: directory };
        let length = position.checked_add(directory)?.checked_add(end.encoded_len())?;
        Some(Layout { pieces, central_directory: position, length })
    }

    /// Returns the length of the archive, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns where each entry stands, in their order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns where the central directory begins.
    pub fn central_directory(&self) -> u64 {
        self.central_directory
    }
}

/// Returns the sizes of an entry, if they are known; its CRC only if it is known, since no length depends on it.
fn sizes(entry: &Entry) -> Option<(Digest, u64)> {
    match (entry.method, entry.content) {
        (_, Content::Known { digest, compressed_size }) => Some((digest, compressed_size)),
        (method, Content::Streamed { length: Some(size) }) => {
            Some((Digest { crc32: 0, size }, method.stored_len(size)?))
        }
        (_, Content::Streamed { length: None }) => None,
    }
}

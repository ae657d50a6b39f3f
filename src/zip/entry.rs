//! What is known of an entry before its data comes, and which of the layouts follows from it.
//!
//! | form | local file header | after the data |
//! |---|---|---|
//! | known | true sizes and CRC | nothing |
//! | known, large | markers, true sizes in the ZIP64 extra field | nothing |
//! | streamed | bit 3, zeros | signed data descriptor, of 64-bit sizes only when one outgrows 32 bits |
//! | streamed, large | bit 3, markers, zeros in the ZIP64 extra field | signed 64-bit data descriptor |
//!
//! The form follows from the entry alone, never from timing, so that the same plan gives the same bytes.

use super::{Crc32, Error, Measure, Method, Name, Timestamp, spec};

/// A member of the archive, as it is announced to the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive; a directory's ends in `/`.
    pub name: Name,
    /// How its data is written.
    pub method: Method,
    /// When it was modified.
    pub modified: Timestamp,
    /// Unix permission bits, such as `0o644`, without those of the file type.
    pub mode: u16,
    /// What is known of its data.
    pub content: Content,
}

/// What is known of an entry's data before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Everything: the header tells it and nothing follows the data. A directory is known, empty and stored.
    Known {
        /// Length and CRC of the uncompressed bytes.
        digest: Digest,
        /// Bytes in the archive; what follows from the length when stored.
        compressed_size: u64,
    },
    /// At most the length: a data descriptor follows the data.
    Streamed {
        /// Uncompressed bytes, which must then be exactly as many.
        length: Option<u64>,
    },
}

/// Length and checksum of uncompressed bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// CRC-32 of the bytes.
    pub crc32: u32,
    /// Number of the bytes.
    pub size: u64,
}

impl Digest {
    /// The digest of bytes at hand.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut crc32 = Crc32::new();
        crc32.update(bytes);
        Digest { crc32: crc32.value(), size: bytes.len() as u64 }
    }
}

/// Which of the layouts an entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// True sizes and CRC in the local file header.
    Known,
    /// The same, with the sizes in a ZIP64 extra field.
    KnownLarge,
    /// A data descriptor after the data.
    Streamed,
    /// The same, with 64-bit sizes announced by a ZIP64 extra field.
    StreamedLarge,
}

impl Form {
    /// Says whether a data descriptor follows the data.
    pub(super) const fn is_streamed(self) -> bool {
        matches!(self, Form::Streamed | Form::StreamedLarge)
    }

    /// Says whether the local file header has a ZIP64 extra field.
    pub(super) const fn is_large(self) -> bool {
        matches!(self, Form::KnownLarge | Form::StreamedLarge)
    }
}

impl Entry {
    /// Says which layout the entry has.
    pub(super) fn form(&self) -> Form {
        match self.content {
            Content::Known { digest, compressed_size } => {
                if spec::overflows(digest.size.max(compressed_size)) { Form::KnownLarge } else { Form::Known }
            }
            Content::Streamed { length: Some(length) } if spec::overflows(self.method.most(length)) => {
                Form::StreamedLarge
            }
            Content::Streamed { .. } => Form::Streamed,
        }
    }

    /// Returns the version needed to extract it, as far as its local file header tells (APPNOTE 4.4.3).
    pub(super) fn version_needed(&self) -> u16 {
        let form = self.form();
        if form.is_large() {
            spec::VERSION_ZIP64
        } else if form.is_streamed() || self.method != Method::Store || self.name.is_directory() {
            spec::VERSION_DEFLATED
        } else {
            spec::VERSION_STORED
        }
    }

    /// Returns the general purpose flags, which both headers share.
    pub(super) fn flags(&self) -> u16 {
        let descriptor = if self.form().is_streamed() { spec::FLAG_DATA_DESCRIPTOR } else { 0 };
        let utf8 = if self.name.as_str().is_ascii() { 0 } else { spec::FLAG_UTF8 };
        descriptor | utf8
    }

    /// Returns the number of uncompressed bytes, if it was announced.
    pub(super) fn length(&self) -> Option<u64> {
        match self.content {
            Content::Known { digest, .. } => Some(digest.size),
            Content::Streamed { length } => length,
        }
    }

    /// Says whether a data descriptor of 64-bit sizes may follow: announced by the header, or of a length nobody knew.
    pub(super) fn allows_large(&self) -> bool {
        self.form().is_large() || self.length().is_none()
    }

    /// Checks what the fields' types cannot.
    ///
    /// # Errors
    /// The first contradiction within the entry.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.mode & !0o7777 != 0 {
            return Err(Error::Mode { mode: self.mode });
        }
        let empty = Content::Known { digest: Digest::default(), compressed_size: 0 };
        if self.name.is_directory() && (self.method, self.content) != (Method::Store, empty) {
            return Err(Error::DirectoryContent);
        }
        match (self.method, self.content) {
            (Method::Deflate, Content::Known { compressed_size: 0, .. }) => Err(Error::EmptyDeflate),
            (method, Content::Known { digest, compressed_size }) => {
                let expected = method.stored_len(digest.size).unwrap_or(compressed_size);
                if expected == compressed_size {
                    return Ok(());
                }
                let (measure, actual) = (Measure::CompressedSize, compressed_size);
                Err(Error::Mismatch { measure, expected, actual })
            }
            (_, Content::Streamed { .. }) => Ok(()),
        }
    }
}

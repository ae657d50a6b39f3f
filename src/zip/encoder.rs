//! The encoder: it says which bytes stand around the data while the data passes by.
//!
//! Sans-IO. The caller emits the data itself, untouched, between what [`Encoder::begin`] and [`Encoder::end`] return;
//! the encoder reads it once for the CRC and counts. Whatever contradicts the announcement is an error, and after an
//! error nothing more comes out: an archive that looks whole is whole.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::central::{CentralDirectory, CentralHeader};
use super::data_descriptor::DataDescriptor;
use super::entry::{Content, Digest, Entry};
use super::local::LocalFileHeader;
use super::{Crc32, Error, Measure, Method};

/// Encodes one archive, entry after entry.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Bytes of the archive so far.
    position: u64,
    /// Where in the sequence of calls it is.
    state: State,
    /// The headers of the entries that are whole.
    directory: CentralDirectory,
}

/// Where in the sequence of calls an encoder is.
#[derive(Debug, Default)]
enum State {
    /// Between two entries.
    #[default]
    Between,
    /// An error happened.
    Failed,
    /// Within an entry.
    Open(Box<Open>),
}

/// The entry whose data passes by.
#[derive(Debug)]
struct Open {
    /// What was announced.
    entry: Entry,
    /// Where its local file header stands.
    offset: u64,
    /// CRC of what passed by, when stored.
    crc32: Crc32,
    /// Bytes that passed by: compressed ones when deflated.
    counted: u64,
}

impl Encoder {
    /// Starts an archive.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Opens an entry and returns its local file header.
    ///
    /// # Errors
    /// An entry is open, or the announcement contradicts itself.
    pub fn begin(&mut self, entry: Entry) -> Result<Bytes, Error> {
        match mem::replace(&mut self.state, State::Failed) {
            State::Between => {}
            State::Failed => return Err(Error::Failed),
            State::Open(_) => return Err(Error::EntryOpen),
        }
        entry.check()?;
        let header = LocalFileHeader(&entry);
        let mut out = BytesMut::with_capacity(header.encoded_len() as usize);
        header.encode(&mut out);
        let offset = self.position;
        self.position += out.len() as u64;
        self.state = State::Open(Box::new(Open { entry, offset, crc32: Crc32::new(), counted: 0 }));
        Ok(out.freeze())
    }

    /// Takes note of the next bytes of a stored entry; the caller emits them, with the headers of
    /// [`BlockCutter`](super::BlockCutter) between them where that is the method.
    ///
    /// # Errors
    /// No stored entry is open, or the bytes exceed its announced length; they must not be emitted then.
    pub fn stored(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.pass(true, bytes.len() as u64)?.crc32.update(bytes);
        Ok(())
    }

    /// Does as [`Encoder::stored`], for bytes whose digest is known.
    ///
    /// # Errors
    /// As [`Encoder::stored`].
    pub fn summed(&mut self, digest: Digest) -> Result<(), Error> {
        self.pass(true, digest.size)?.crc32.append(digest);
        Ok(())
    }

    /// Takes note of the next `compressed` bytes of a deflated entry; the caller emits them. An error is kept until
    /// [`Encoder::end`].
    pub fn deflated(&mut self, compressed: u64) {
        // A misuse leaves the encoder failed, which `end` tells.
        let _ = self.pass(false, compressed);
    }

    /// Closes the entry and returns what follows its data: a data descriptor or nothing. The digest of the uncompressed
    /// bytes is given exactly for a deflated entry.
    ///
    /// # Errors
    /// No entry is open, or what passed by is not what was announced.
    pub fn end(&mut self, digest: Option<Digest>) -> Result<Bytes, Error> {
        let open = match mem::replace(&mut self.state, State::Failed) {
            State::Between => return Err(Error::NoEntry),
            State::Failed => return Err(Error::Failed),
            State::Open(open) => open,
        };
        let digest = open.digest(digest)?;
        let compressed_size = open.compressed_size();
        let Open { entry, offset, counted, .. } = *open;
        let mut out = BytesMut::new();
        if let Some(descriptor) = DataDescriptor::of(&entry, digest, compressed_size) {
            if descriptor.is_large() && !entry.allows_large() {
                return Err(Error::Overflow { compressed: compressed_size });
            }
            out.reserve(descriptor.encoded_len() as usize);
            descriptor.encode(&mut out);
        }
        self.directory.push(CentralHeader { entry: &entry, offset, digest, compressed_size });
        // What passed by is counted already; the headers of stored blocks are not.
        self.position = self.position.saturating_add(compressed_size - counted) + out.len() as u64;
        self.state = State::Between;
        Ok(out.freeze())
    }

    /// Takes note of a stored entry whose data stands in the archive or is written by others, and returns what stands
    /// before and behind it: the local file header, and a data descriptor or nothing.
    ///
    /// # Errors
    /// An entry is open, this one is not stored, or the digest is not what it announces.
    pub fn place(&mut self, entry: Entry, digest: Digest) -> Result<(Bytes, Bytes), Error> {
        let header = self.begin(entry)?;
        self.pass(true, digest.size)?.crc32 = Crc32::resume(digest.crc32, digest.size);
        Ok((header, self.end(None)?))
    }

    /// CRC of what passed by of the stored entry that is open.
    pub fn crc32(&self) -> Option<u32> {
        match &self.state {
            State::Open(open) if open.entry.method.is_stored() => Some(open.crc32.value()),
            State::Open(_) | State::Between | State::Failed => None,
        }
    }

    /// Ends the archive and returns its central directory and end records, in pieces of moderate size.
    ///
    /// # Errors
    /// An entry is open, or an error happened before.
    pub fn finish(self) -> Result<Vec<Bytes>, Error> {
        match self.state {
            State::Between => Ok(self.directory.finish(self.position)),
            State::Failed => Err(Error::Failed),
            State::Open(_) => Err(Error::EntryOpen),
        }
    }

    /// Returns the number of bytes of the archive so far; within an entry without the headers of its stored blocks.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Counts data that passes by.
    fn pass(&mut self, is_stored: bool, length: u64) -> Result<&mut Open, Error> {
        let counted = match &self.state {
            State::Between => Err(Error::NoEntry),
            State::Failed => Err(Error::Failed),
            State::Open(open) => open.count(is_stored, length),
        };
        let (counted, position) = match counted {
            Ok(counted) => (counted, self.position.saturating_add(length)),
            Err(error) => {
                self.state = State::Failed;
                return Err(error);
            }
        };
        let State::Open(open) = &mut self.state else { return Err(Error::NoEntry) };
        open.counted = counted;
        self.position = position;
        Ok(open)
    }
}

impl Open {
    /// Returns what has passed by after `length` more.
    fn count(&self, is_stored: bool, length: u64) -> Result<u64, Error> {
        if self.entry.method.is_stored() != is_stored {
            return Err(Error::WrongMethod);
        }
        let most = match self.entry.content {
            Content::Known { digest, .. } if is_stored => digest.size,
            Content::Known { compressed_size, .. } => compressed_size,
            Content::Streamed { length: Some(length) } if is_stored => length,
            Content::Streamed { .. } => u64::MAX,
        };
        let measure = if is_stored { Measure::Size } else { Measure::CompressedSize };
        let actual = self.counted.saturating_add(length);
        if actual > most { Err(Error::Mismatch { measure, expected: most, actual }) } else { Ok(actual) }
    }

    /// Returns the bytes in the archive of all that passed by.
    fn compressed_size(&self) -> u64 {
        self.entry.method.stored_len(self.counted).unwrap_or(self.counted)
    }

    /// Returns what the data was, if it is what was announced.
    fn digest(&self, digest: Option<Digest>) -> Result<Digest, Error> {
        let actual = match (self.entry.method.is_stored(), digest) {
            (true, None) => Digest { crc32: self.crc32.value(), size: self.counted },
            (false, Some(digest)) => digest,
            (true, Some(_)) | (false, None) => return Err(Error::Digest),
        };
        if self.entry.method == Method::Deflate && self.counted == 0 {
            return Err(Error::EmptyDeflate);
        }
        compare(Measure::Size, self.entry.length().unwrap_or(actual.size), actual.size)?;
        if let Content::Known { digest, compressed_size } = self.entry.content {
            compare(Measure::CompressedSize, compressed_size, self.compressed_size())?;
            compare(Measure::Crc32, digest.crc32.into(), actual.crc32.into())?;
        }
        Ok(actual)
    }
}

/// Checks that what was counted is what was announced.
fn compare(measure: Measure, expected: u64, actual: u64) -> Result<(), Error> {
    if expected == actual { Ok(()) } else { Err(Error::Mismatch { measure, expected, actual }) }
}

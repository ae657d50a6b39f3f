//! An entry's data, read once: inflated, counted, hashed.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest as _, Sha256};

use super::fault::Kind;
use super::section::Section;
use crate::zip::{Crc32, Digest, Method};

/// Bytes that are read, or inflated, at once.
const BUFFER: usize = 256 << 10;

/// What the data turned out to be.
pub(super) struct Found {
    /// CRC-32 of the bytes as they stand in the archive.
    pub(super) compressed_crc32: u32,
    /// Length and CRC-32 of the uncompressed bytes.
    pub(super) digest: Digest,
    /// SHA-256 of them, where it was asked for.
    pub(super) sha256: Option<[u8; 32]>,
}

/// Reads data.
pub(super) struct Reading<'a> {
    crc32: Crc32,
    compressed: Crc32,
    keep: Option<&'a mut Vec<u8>>,
    /// The most bytes that may come out: what is told, so that nobody's zeros are inflated for hours.
    most: u64,
    sha256: Option<Sha256>,
    size: u64,
}

impl<'a> Reading<'a> {
    /// Data of so many bytes, which are kept in `keep` too.
    pub(super) fn new(most: u64, hashes: bool, keep: Option<&'a mut Vec<u8>>) -> Reading<'a> {
        let (crc32, compressed) = (Crc32::new(), Crc32::new());
        Reading { crc32, compressed, keep, most, sha256: hashes.then(Sha256::new), size: 0 }
    }

    /// Reads it all; `pass` gets it as it stands in the archive.
    ///
    /// # Errors
    /// When the file cannot be read; within, when the data cannot be.
    pub(super) fn read(
        mut self,
        section: Section<'_>,
        method: Method,
        pass: impl FnMut(&[u8]),
    ) -> io::Result<Result<Found, Kind>> {
        let read = match method {
            Method::Deflate | Method::StoredBlocks => self.inflate(section, pass),
            Method::Store => self.take_all(section, pass),
        }?;
        Ok(read.and_then(|()| {
            if self.size > self.most {
                return Err(Kind::Size { expected: self.most, actual: self.size });
            }
            Ok(Found {
                compressed_crc32: self.compressed.value(),
                digest: Digest { crc32: self.crc32.value(), size: self.size },
                sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            })
        }))
    }

    fn take_all(
        &mut self,
        mut section: Section<'_>,
        mut pass: impl FnMut(&[u8]),
    ) -> io::Result<Result<(), Kind>> {
        let mut buffer = section.buffer(BUFFER);
        loop {
            let count = section.read(&mut buffer)?;
            if count == 0 {
                return Ok(Ok(()));
            }
            pass(&buffer[..count]);
            self.take(&buffer[..count]);
            self.compressed = self.crc32.clone();
        }
    }

    /// The stream must end with its last byte, neither before nor behind it.
    fn inflate(
        &mut self,
        mut section: Section<'_>,
        mut pass: impl FnMut(&[u8]),
    ) -> io::Result<Result<(), Kind>> {
        let (mut buffer, mut out) = (section.buffer(BUFFER), vec![0; BUFFER]);
        let mut stream = Decompress::new(false);
        let mut ended = false;
        loop {
            let count = section.read(&mut buffer)?;
            if count == 0 {
                return Ok(if ended { Ok(()) } else { Err(Kind::Damaged) });
            }
            self.compressed.update(&buffer[..count]);
            pass(&buffer[..count]);
            let mut input = &buffer[..count];
            loop {
                if ended && !input.is_empty() {
                    return Ok(Err(Kind::Damaged));
                }
                let before = (stream.total_in(), stream.total_out());
                let status = stream.decompress(input, &mut out, FlushDecompress::None);
                let taken = (stream.total_in() - before.0) as usize;
                let given = (stream.total_out() - before.1) as usize;
                self.take(&out[..given]);
                input = &input[taken..];
                match status {
                    Err(_) => return Ok(Err(Kind::Damaged)),
                    Ok(_) if self.size > self.most => return Ok(Ok(())),
                    Ok(Status::StreamEnd) => ended = true,
                    Ok(Status::Ok | Status::BufError) => {}
                }
                // A full buffer may hold back more.
                if (input.is_empty() && (ended || given < out.len())) || taken + given == 0 {
                    break;
                }
            }
            if !input.is_empty() {
                return Ok(Err(Kind::Damaged));
            }
        }
    }

    /// Takes in the next uncompressed bytes.
    fn take(&mut self, bytes: &[u8]) {
        self.crc32.update(bytes);
        self.size += bytes.len() as u64;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(keep) = &mut self.keep {
            keep.extend_from_slice(bytes);
        }
    }
}

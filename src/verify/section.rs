//! Reading a file at any place, front to back from there.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// The bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'f> {
    file: &'f File,
    /// How many there are.
    pub(super) length: u64,
}

impl<'f> Bytes<'f> {
    /// All of them.
    ///
    /// # Errors
    /// When the file cannot be asked for its length.
    pub(super) fn of(file: &'f File) -> io::Result<Bytes<'f>> {
        Ok(Bytes { file, length: file.metadata()?.len() })
    }

    /// Those from `begin` to `end`, or to the end of the file.
    pub(super) fn section(self, begin: u64, end: u64) -> Section<'f> {
        let end = end.min(self.length);
        Section { file: self.file, position: begin.min(end), end }
    }

    /// So many from `begin` on, or as many as there are.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn read(self, begin: u64, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.section(begin, begin.saturating_add(count)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A part of a file, read front to back.
pub(super) struct Section<'f> {
    file: &'f File,
    position: u64,
    end: u64,
}

impl Section<'_> {
    /// A buffer of at most so many bytes to read it through.
    pub(super) fn buffer(&self, most: usize) -> Vec<u8> {
        vec![0; usize::try_from(self.end - self.position).unwrap_or(most).clamp(1, most)]
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..left], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

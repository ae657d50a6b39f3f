//! Archives beyond what 32 and 16 bits hold, written to sparse files and read by everybody who must be able to.
//!
//! Zeros pass through the encoder as real bytes; in the file they are holes. Gigabytes take minutes: run by
//! `scripts/check-large`.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use tempfile::NamedTempFile;
use zipstream::zip::{Content, Crc32, Digest, Encoder, Entry, Layout, Method, Name, Timestamp};

use super::archive::{MODIFIED, Part, digest};
use crate::support::readers::{Kind, judge_file};

/// Sizes around what a 32-bit field holds: the last that fits, the marker itself, the first beyond.
const BOUNDARIES: [u64; 3] = [0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000];
/// Zeros that pass by at once.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
/// Most bytes of a DEFLATE stored block.
const BLOCK: u64 = 65_535;

/// An archive that is written to a sparse file.
struct Sparse {
    file: NamedTempFile,
    encoder: Encoder,
    entries: Vec<Entry>,
    expected: Vec<(String, u64, u32)>,
}

impl Sparse {
    fn new() -> Sparse {
        let file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
        Sparse { file, encoder: Encoder::new(), entries: Vec::new(), expected: Vec::new() }
    }

    fn begin(&mut self, entry: Entry) {
        self.entries.push(entry.clone());
        let header = self.encoder.begin(entry).unwrap();
        self.file.write_all(&header).unwrap();
    }

    fn end(&mut self, name: &str, digest: Digest, deflated: bool) -> usize {
        let descriptor = self.encoder.end(deflated.then_some(digest)).unwrap();
        self.file.write_all(&descriptor).unwrap();
        self.expected.push((name.to_owned(), digest.size, digest.crc32));
        descriptor.len()
    }

    /// Adds a small part and returns the length of its data descriptor.
    fn small(&mut self, part: Part) -> usize {
        self.begin(part.entry.clone());
        self.encoder.stored(&part.data).unwrap();
        self.file.write_all(&part.data).unwrap();
        self.end(part.entry.name.as_str(), digest(&part.data), false)
    }

    /// Adds a stored entry of zeros and returns the length of its data descriptor.
    fn zeros(&mut self, size: u64, content: Content) -> usize {
        self.begin(entry("zeros", Method::Store, content));
        in_chunks(size, |chunk| self.encoder.stored(chunk).unwrap());
        self.file.seek(SeekFrom::Current(size as i64)).unwrap();
        self.end("zeros", zeros(size), false)
    }

    /// Adds an entry of zeros in DEFLATE stored blocks and returns the length of its data descriptor.
    fn deflated_zeros(&mut self, size: u64, length: Option<u64>) -> usize {
        self.begin(entry("deflated zeros", Method::Deflate, Content::Streamed { length }));
        let mut left = size;
        while left > 0 {
            let block = left.min(BLOCK);
            left -= block;
            let [low, high] = (block as u16).to_le_bytes();
            self.file.write_all(&[u8::from(left == 0), low, high, !low, !high]).unwrap();
            self.file.seek(SeekFrom::Current(block as i64)).unwrap();
            self.encoder.deflated(5 + block);
        }
        self.end("deflated zeros", zeros(size), true)
    }

    /// Ends the archive, holds it equal to its layout and has it judged.
    fn judge(mut self, kind: Kind) -> File {
        for piece in self.encoder.finish().unwrap() {
            self.file.write_all(&piece).unwrap();
        }
        let length = self.file.stream_position().unwrap();
        if let Some(layout) = Layout::of(&self.entries) {
            assert_eq!(layout.length(), length);
        }
        judge_file(self.file.path(), &self.expected, kind);
        self.file.into_file()
    }
}

fn entry(name: &str, method: Method, content: Content) -> Entry {
    let modified = Timestamp::from_unix(MODIFIED);
    Entry { name: Name::new(name).unwrap(), method, modified, mode: 0o644, content }
}

/// Length and CRC of zeros.
fn zeros(size: u64) -> Digest {
    let mut crc32 = Crc32::new();
    in_chunks(size, |chunk| crc32.update(chunk));
    Digest { crc32: crc32.value(), size }
}

fn in_chunks(size: u64, mut take: impl FnMut(&[u8])) {
    let mut left = size;
    while left > 0 {
        let chunk = &ZEROS[..left.min(ZEROS.len() as u64) as usize];
        take(chunk);
        left -= chunk.len() as u64;
    }
}

/// An archive of zeros between two small entries.
fn boundary(size: u64, content: Content, descriptor: usize, kind: Kind) {
    let mut archive = Sparse::new();
    archive.small(Part::known("first", b"first"));
    assert_eq!(archive.zeros(size, content), descriptor);
    archive.small(Part::known("last", b"last"));
    archive.judge(kind);
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn known_entries_around_4_gib() {
    for size in BOUNDARIES {
        boundary(size, Content::Known { digest: zeros(size), compressed_size: size }, 0, Kind::Known);
    }
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn streamed_entries_of_announced_lengths_around_4_gib() {
    for (size, descriptor) in BOUNDARIES.into_iter().zip([16, 24, 24]) {
        boundary(size, Content::Streamed { length: Some(size) }, descriptor, Kind::StreamedStore);
    }
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn streamed_entries_of_unknown_lengths_around_4_gib() {
    for (size, descriptor) in BOUNDARIES.into_iter().zip([16, 16, 24]) {
        let kind = if descriptor == 16 { Kind::StreamedStore } else { Kind::Grown };
        boundary(size, Content::Streamed { length: None }, descriptor, kind);
    }
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn a_5_gib_entry_of_announced_and_of_unknown_length() {
    let size = 5 << 30;
    boundary(size, Content::Streamed { length: Some(size) }, 24, Kind::StreamedStore);
    boundary(size, Content::Streamed { length: None }, 24, Kind::Grown);
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn deflated_entries_around_4_gib() {
    // The second is announced in the large form and turns out not to need it; the last grows.
    let small = 4_000_000_000;
    for (size, length, descriptor) in [
        (small, Some(small), 16),
        (0xFFFF_0000, Some(0xFFFF_0000), 24),
        (5 << 30, Some(5 << 30), 24),
        (5 << 30, None, 24),
    ] {
        let mut archive = Sparse::new();
        archive.small(Part::known("first", b"first"));
        assert_eq!(archive.deflated_zeros(size, length), descriptor);
        archive.small(Part::known("last", b"last"));
        archive.judge(if length.is_some() { Kind::StreamedDeflate } else { Kind::Grown });
    }
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn headers_beyond_4_gib() {
    let mut archive = Sparse::new();
    let half = 0x9000_0000;
    for name in ["one", "two"] {
        archive.small(Part::known(&format!("before {name}"), b"before"));
        archive.zeros(half, Content::Streamed { length: Some(half) });
    }
    archive.small(Part::directory("directory beyond/"));
    archive.small(Part::known("known beyond", b"known"));
    // A large offset alone does not widen the data descriptor.
    assert_eq!(archive.small(Part::announced("announced beyond", Method::Store, b"announced")), 16);
    assert_eq!(archive.small(Part::unknown("unknown beyond", Method::Store, b"unknown")), 16);
    archive.judge(Kind::StreamedStore);
}

#[test]
#[ignore = "large: run by scripts/check-large"]
fn as_many_entries_as_16_bits_hold_and_more() {
    for count in [65_534, 65_535, 65_536, 70_000] {
        let mut archive = Sparse::new();
        for i in 0..count {
            let (name, data) = (format!("directory/{i}.txt"), i.to_string());
            archive.small(match i % 2 {
                0 => Part::known(&name, data.as_bytes()),
                _ => Part::announced(&name, Method::Store, data.as_bytes()),
            });
        }
        archive.judge(Kind::StreamedStore);
    }
}

//! Small archives for the tests: entries with their data, encoded in chunks of any size.

use std::collections::VecDeque;
use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};
use zipstream::zip::{
    BlockCutter, Content, Crc32, Digest, Encoder, Entry, Layout, Method, Name, Timestamp, store_blocks,
};

/// 2026-11-20T13:14:16Z.
pub const MODIFIED: i64 = 1_795_180_456;

/// An entry and its uncompressed data.
#[derive(Clone, Debug)]
pub struct Part {
    pub entry: Entry,
    pub data: Vec<u8>,
}

impl Part {
    fn new(name: &str, method: Method, content: Content, data: &[u8]) -> Part {
        let modified = Timestamp::from_unix(MODIFIED);
        let entry = Entry { name: Name::new(name).unwrap(), method, modified, mode: 0o644, content };
        Part { entry, data: data.to_vec() }
    }

    /// A stored entry whose header tells everything.
    pub fn known(name: &str, data: &[u8]) -> Part {
        let content = Content::Known { digest: digest(data), compressed_size: data.len() as u64 };
        Part::new(name, Method::Store, content, data)
    }

    /// A deflated entry whose header tells everything.
    pub fn known_deflate(name: &str, data: &[u8]) -> Part {
        let content = Content::Known { digest: digest(data), compressed_size: deflate(data).len() as u64 };
        Part::new(name, Method::Deflate, content, data)
    }

    /// An entry of stored blocks whose header tells everything.
    pub fn known_blocks(name: &str, data: &[u8]) -> Part {
        let compressed_size = store_blocks(data, true).len() as u64;
        let content = Content::Known { digest: digest(data), compressed_size };
        Part::new(name, Method::StoredBlocks, content, data)
    }

    /// A streamed entry of an announced length.
    pub fn announced(name: &str, method: Method, data: &[u8]) -> Part {
        Part::new(name, method, Content::Streamed { length: Some(data.len() as u64) }, data)
    }

    /// A streamed entry of unknown length.
    pub fn unknown(name: &str, method: Method, data: &[u8]) -> Part {
        Part::new(name, method, Content::Streamed { length: None }, data)
    }

    /// An empty directory.
    pub fn directory(name: &str) -> Part {
        let mut part = Part::known(name, b"");
        part.entry.mode = 0o755;
        part
    }

    /// The data as it stands in the archive.
    pub fn encoded(&self) -> Vec<u8> {
        match self.entry.method {
            Method::Deflate => deflate(&self.data),
            Method::Store => self.data.clone(),
            Method::StoredBlocks => store_blocks(&self.data, true),
        }
    }
}

/// Length and CRC of data.
pub fn digest(data: &[u8]) -> Digest {
    let mut crc32 = Crc32::new();
    crc32.update(data);
    Digest { crc32: crc32.value(), size: data.len() as u64 }
}

/// A raw DEFLATE stream of data.
pub fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Encodes an archive whose data comes in chunks of at most `chunk` bytes.
pub fn encode(parts: &[Part], chunk: usize) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut archive = Vec::new();
    for Part { entry, data } in parts {
        archive.extend(encoder.begin(entry.clone()).unwrap());
        if entry.method == Method::Deflate {
            for bytes in deflate(data).chunks(chunk) {
                encoder.deflated(bytes.len() as u64);
                archive.extend(bytes);
            }
        } else {
            archive.extend(pass(&mut encoder, entry, data, chunk));
        }
        archive.extend(encoder.end((entry.method == Method::Deflate).then(|| digest(data))).unwrap());
        assert_eq!(encoder.position(), archive.len() as u64);
    }
    archive.extend(encoder.finish().unwrap().concat());
    archive
}

/// Passes stored data by in chunks, and gives what is to be emitted.
fn pass(encoder: &mut Encoder, entry: &Entry, data: &[u8], chunk: usize) -> Vec<u8> {
    let length = match entry.content {
        Content::Known { digest, .. } => Some(digest.size),
        Content::Streamed { length } => length,
    };
    let (mut cutter, mut out) = (BlockCutter::new(length), VecDeque::new());
    for bytes in data.chunks(chunk) {
        encoder.stored(bytes).unwrap();
        let bytes = Bytes::copy_from_slice(bytes);
        if entry.method == Method::StoredBlocks {
            cutter.push(bytes, &mut out);
        } else {
            out.push_back(bytes);
        }
    }
    if entry.method == Method::StoredBlocks {
        cutter.finish(&mut out);
    }
    Vec::from(out).concat()
}

/// The layout of an archive.
pub fn layout(parts: &[Part]) -> Option<Layout> {
    let entries: Vec<Entry> = parts.iter().map(|part| part.entry.clone()).collect();
    Layout::of(&entries)
}

/// What readers must find in an archive.
pub fn expected(parts: &[Part]) -> Vec<(String, Vec<u8>)> {
    parts.iter().map(|part| (part.entry.name.to_string(), part.data.clone())).collect()
}

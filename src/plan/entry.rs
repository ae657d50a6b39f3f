//! One planned entry, and the form its bytes take in the archive.

use crate::descriptor::{self, Compression, Expected, Level, Source};
use crate::zip;

use super::{Head, Skipped};

/// How an entry is written; it follows from the plan alone, never from timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A directory: a header and nothing else.
    Directory,
    /// The whole body is at hand before the header is written.
    Inline,
    /// The caller declared CRC and size of a stored entry: the header says them, the body passes through.
    Declared {
        /// What was declared.
        digest: zip::Digest,
    },
    /// The body passes through; a data descriptor follows it.
    Streamed {
        /// The uncompressed length, where it is known.
        length: Option<u64>,
    },
}

/// One entry of a plan.
#[derive(Debug)]
pub struct Entry {
    /// Where its bytes come from.
    pub source: Source,
    /// What the caller expects of them.
    pub expected: Expected,
    /// What the source told, where it was asked and answered.
    pub head: Option<Head>,
    /// How the entry is written.
    pub form: Form,
    /// Whether a manifest lists it: then the SHA-256 of its bytes is wanted.
    pub is_listed: bool,
    /// Why it is left out of the archive, where its source failed.
    pub skipped: Option<Skipped>,
    /// When it was modified, in Unix seconds, where the caller or the source said so.
    pub(super) told_modified: Option<i64>,
    name: descriptor::EntryName,
    method: zip::Method,
    level: Level,
    modified: zip::Timestamp,
    mode: u16,
}

impl Entry {
    /// Joins what is asked for with what is known; `compressed` says so of data whose compression is left to us.
    pub(super) fn new(
        entry: descriptor::Entry,
        head: Option<Head>,
        compressed: bool,
        inline_size: u64,
        now: i64,
    ) -> Entry {
        let length = length(&entry, head.as_ref());
        let told_modified = entry.modified.or(head.as_ref().and_then(|head| head.modified));
        let deflated = match entry.compression {
            Compression::Auto => !compressed,
            Compression::Deflate => true,
            Compression::Store => false,
        };
        // An empty file has nothing to compress, and readers expect it stored.
        let deflated = deflated && length != Some(0);
        let form = form(&entry, length, deflated, inline_size);
        let method = match form {
            _ if deflated => zip::Method::Deflate,
            Form::Streamed { .. } if entry.streamable => zip::Method::StoredBlocks,
            Form::Declared { .. } | Form::Directory | Form::Inline | Form::Streamed { .. } => {
                zip::Method::Store
            }
        };
        Entry {
            source: entry.source,
            expected: entry.expected,
            head,
            form,
            is_listed: false,
            skipped: None,
            told_modified,
            name: entry.name,
            method,
            level: entry.level,
            modified: zip::Timestamp::from_unix(told_modified.unwrap_or(now)),
            mode: entry.mode,
        }
    }

    /// The entry's name in the archive.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its Unix permission bits.
    pub(super) fn mode(&self) -> u16 {
        self.mode
    }

    /// How its bytes are stored.
    pub fn method(&self) -> zip::Method {
        self.method
    }

    /// How much it is compressed, where it is.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The source's length in bytes, where it is known.
    pub fn length(&self) -> Option<u64> {
        match self.form {
            Form::Directory => Some(0),
            Form::Declared { digest } => Some(digest.size),
            Form::Streamed { length } => length,
            Form::Inline => match &self.source {
                Source::Data(bytes) => Some(bytes.len() as u64),
                _ => self.head.as_ref().and_then(|head| head.length).or(self.expected.size),
            },
        }
    }

    /// The entry as the encoder takes it.
    ///
    /// # Errors
    /// When the format cannot hold the name; legal entry names are far shorter than that.
    pub fn encoded(&self, content: zip::Content) -> Result<zip::Entry, zip::Error> {
        let name = zip::Name::new(self.name.as_str())?;
        Ok(zip::Entry { name, method: self.method, modified: self.modified, mode: self.mode, content })
    }

    /// What of the entry reaches the archive beside its bytes, for comparison: its local file header with the CRC of
    /// an inlined body left out, its mode and its length.
    pub(super) fn frame(&self) -> Option<Vec<u8>> {
        let header = zip::Encoder::new().begin(self.sketch()?).ok()?;
        Some([&header[..], &self.mode.to_le_bytes(), &self.length()?.to_le_bytes()].concat())
    }

    /// The entry as a layout takes it: right in every length, where all lengths are known; the CRC of an inlined
    /// body is not known yet, and its value changes no length.
    pub(super) fn sketch(&self) -> Option<zip::Entry> {
        let content = match self.form {
            Form::Streamed { length } => zip::Content::Streamed { length: Some(length?) },
            Form::Declared { digest } => zip::Content::Known { digest, compressed_size: digest.size },
            Form::Directory | Form::Inline => {
                let size = self.length()?;
                let known = size == 0 || self.method == zip::Method::Store;
                let digest = zip::Digest { crc32: 0, size };
                if !known {
                    return None;
                }
                zip::Content::Known { digest, compressed_size: size }
            }
        };
        self.encoded(content).ok()
    }
}

/// The length that the plan goes by: what the source told, else what the caller declared.
fn length(entry: &descriptor::Entry, head: Option<&Head>) -> Option<u64> {
    match &entry.source {
        Source::Directory => Some(0),
        Source::Data(bytes) => Some(bytes.len() as u64),
        Source::Http(_) => head.and_then(|head| head.length).or(entry.expected.size),
    }
}

fn form(entry: &descriptor::Entry, length: Option<u64>, deflated: bool, inline_size: u64) -> Form {
    match (&entry.source, length, entry.expected.crc32) {
        (Source::Directory, ..) => Form::Directory,
        (Source::Data(_), ..) => Form::Inline,
        (Source::Http(_), Some(length), _) if length <= inline_size => Form::Inline,
        (Source::Http(_), Some(size), Some(crc32)) if !deflated && entry.expected.size.is_some() => {
            Form::Declared { digest: zip::Digest { crc32, size } }
        }
        (Source::Http(_), length, _) => Form::Streamed { length },
    }
}

//! One planned entry, and the form its bytes take in the archive.

use crate::descriptor::{self, Expected, Source};
use crate::zip;

use super::Head;

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
    name: descriptor::EntryName,
    method: zip::Method,
    modified: zip::Timestamp,
    mode: u16,
}

impl Entry {
    pub(super) fn new(entry: descriptor::Entry, head: Option<Head>, inline_size: u64, now: i64) -> Entry {
        let length = length(&entry, head.as_ref());
        let modified = entry.modified.or(head.as_ref().and_then(|head| head.modified)).unwrap_or(now);
        let form = form(&entry, length, inline_size);
        // An empty file has nothing to compress, and readers expect it stored.
        let method = if length == Some(0) { zip::Method::Store } else { entry.compression };
        Entry {
            source: entry.source,
            expected: entry.expected,
            head,
            form,
            name: entry.name,
            method,
            modified: zip::Timestamp::from_unix(modified),
            mode: entry.mode,
        }
    }

    /// The entry's name in the archive.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// How its bytes are stored.
    pub fn method(&self) -> zip::Method {
        self.method
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

fn form(entry: &descriptor::Entry, length: Option<u64>, inline_size: u64) -> Form {
    let stored = entry.compression == zip::Method::Store;
    match (&entry.source, length, entry.expected.crc32) {
        (Source::Directory, ..) => Form::Directory,
        (Source::Data(_), ..) => Form::Inline,
        (Source::Http(_), Some(length), _) if length <= inline_size => Form::Inline,
        (Source::Http(_), Some(size), Some(crc32)) if stored && entry.expected.size.is_some() => {
            Form::Declared { digest: zip::Digest { crc32, size } }
        }
        (Source::Http(_), length, _) => Form::Streamed { length },
    }
}

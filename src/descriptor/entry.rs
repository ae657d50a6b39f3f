//! One file of the list, legal.
//!
//! Everything about it is judged even when its name or URL is wrong, so that a client learns all at once.

use std::sync::Arc;

use super::collision::Names;
use super::compression;
use super::expected::Expected;
use super::members::Members;
use super::metadata;
use super::pointer::Pointer;
use super::raw::Node;
use super::violation::Report;
use super::{Compression, EntryName, Error, Level, Source, header};
use crate::egress::Policy;

/// The fields of a file.
const FIELDS: &[&str] = &[
    "url",
    "zipPath",
    "compression",
    "compressionLevel",
    "headers",
    "size",
    "crc32",
    "sha256",
    "lastModified",
    "mode",
];

/// A member of the archive that is asked for.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path in the archive; no other entry's, and a directory's exactly when the source is one.
    pub name: EntryName,
    /// Where its bytes come from.
    pub source: Source,
    /// How it is compressed.
    pub compression: Compression,
    /// How much, where it is.
    pub level: Level,
    /// Whether readers that cannot seek must find its end.
    pub streamable: bool,
    /// What is known of its bytes.
    pub expected: Expected,
    /// When it was modified, in Unix seconds, if the client says so.
    pub modified: Option<i64>,
    /// Its permission bits.
    pub mode: u16,
}

/// What all entries of a descriptor are read with.
pub(super) struct Context<'c> {
    /// Judges the URLs.
    pub(super) policy: &'c Policy,
    /// The compression of files that do not name one.
    pub(super) compression: Compression,
    /// The level of those.
    pub(super) level: Level,
    /// Whether readers that cannot seek must be able to read the archive.
    pub(super) streamable: bool,
    /// Whether Windows must hold the names.
    pub(super) portable: bool,
    /// The names so far.
    pub(super) names: Names,
}

impl Context<'_> {
    /// Reads the file of the given index and reports what is wrong with it.
    pub(super) fn read(
        &mut self,
        index: usize,
        node: &Node<'_>,
        at: Pointer<'_>,
        report: &mut Report,
    ) -> Option<Entry> {
        let members = Members::read(node, at, FIELDS, report)?;
        let name = members.required("zipPath", at, report, |node| self.read_name(index, node));
        let source = self.read_source(&members, at, report);
        let headers = members
            .find("headers")
            .filter(|node| !node.is_null())
            .map(|node| header::parse(node, at.key("headers"), report));
        let expected = Expected::read(&members, at, report);
        for (field, error) in source.as_ref().map_or(Vec::new(), |source| mismatches(&expected, source)) {
            members.refuse(field, at, report, &error);
        }
        let compression = members.optional("compression", at, report, compression::parse_compression);
        let level = members.optional("compressionLevel", at, report, compression::parse_level);
        let modified = members.optional("lastModified", at, report, metadata::parse_last_modified);
        let mode = members.optional("mode", at, report, metadata::parse_mode);
        let name = name?;
        let default_mode = if name.is_directory() { metadata::DIRECTORY_MODE } else { metadata::FILE_MODE };
        Some(Entry {
            source: with_headers(source?, headers.unwrap_or_default()),
            compression: compression.unwrap_or(self.compression),
            level: level.unwrap_or(self.level),
            streamable: self.streamable,
            expected,
            modified,
            mode: mode.unwrap_or(default_mode),
            name,
        })
    }

    /// Reads a name and takes it.
    fn read_name(&mut self, index: usize, node: &Node<'_>) -> Result<EntryName, Error> {
        let name = EntryName::parse(node.as_str().ok_or(Error::NameType(node.kind()))?)?;
        self.names.insert(index, &name)?;
        if self.portable {
            name.check_portable()?;
        }
        Ok(name)
    }

    /// Reads the URL, which a directory must not and every other entry must have.
    fn read_source(&self, members: &Members<'_, '_>, at: Pointer<'_>, report: &mut Report) -> Option<Source> {
        let directory =
            members.find("zipPath").and_then(Node::as_str).is_some_and(|name| name.ends_with('/'));
        let absent = members.find("url").is_none_or(Node::is_null);
        if directory && absent {
            return Some(Source::Directory);
        }
        if directory {
            members.refuse("zipPath", at, report, &Error::NameTrailingSlash);
        }
        members.required("url", at, report, |node| {
            Source::parse(node.as_str().ok_or(Error::UrlType(node.kind()))?, self.policy)
        })
    }
}

/// Compares what is expected with bytes that are at hand already.
fn mismatches(expected: &Expected, source: &Source) -> Vec<(&'static str, Error)> {
    match source {
        Source::Data(data) => expected.mismatches(data),
        Source::Directory => expected.mismatches(&[]),
        Source::Http(_) => Vec::new(),
    }
}

/// Gives a source its headers; those of sources that are not fetched have no meaning, and are only judged.
fn with_headers(source: Source, headers: http::HeaderMap) -> Source {
    match source {
        Source::Http(mut http) => {
            Arc::make_mut(&mut http).headers = headers;
            Source::Http(http)
        }
        Source::Data(_) | Source::Directory => source,
    }
}

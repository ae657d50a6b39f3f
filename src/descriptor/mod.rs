//! The client's request document, legal by construction.
//!
//! A body is read into a tree that keeps what a map would hide, then judged field by field. Everything wrong is
//! told at once, and nothing is fetched before all of it is right:
//!
//! ```text
//! body ──raw──▶ tree ──entry, name, source, header, …──▶ Descriptor, or Violations
//! ```

mod collision;
mod compression;
mod data_url;
mod draft;
mod entry;
mod error;
mod expected;
mod filename;
mod header;
mod invisible;
mod manifest;
mod members;
mod metadata;
mod name;
mod pointer;
mod raw;
mod source;
mod violation;

pub use compression::{Compression, Level};
pub use draft::{Draft, Rejected};
pub use entry::Entry;
pub use error::Error;
pub use expected::{Expected, Mismatch};
pub use filename::Filename;
pub use manifest::Manifest;
pub use name::{EntryName, Unportable};
pub use source::{HttpSource, Source};
pub use violation::{Code, Violation, Violations};

use crate::egress::Policy;

use collision::Names;
use entry::Context;
use members::Members;
use pointer::Pointer;
use raw::{Node, Value};
use violation::Report;

/// The fields of the document.
const FIELDS: &[&str] = &[
    "suggestedFilename",
    "compression",
    "compressionLevel",
    "portableNames",
    "streamable",
    "manifest",
    "onSourceError",
    "files",
];

/// A legal request for an archive.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The name it is saved under.
    pub filename: Filename,
    /// Its members, in the order of the archive; at least one.
    pub entries: Vec<Entry>,
    /// A last entry that lists the others, where one is asked for.
    pub manifest: Option<Manifest>,
}

/// What a descriptor may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most files.
    pub files: usize,
}

impl Descriptor {
    /// Reads a request body.
    ///
    /// # Errors
    /// All [`Violations`] of the document, in its order.
    pub fn parse(body: &[u8], limits: Limits, policy: &Policy) -> Result<Descriptor, Violations> {
        let mut report = Report::default();
        let document = parse_document(body, &mut report);
        let reading = document.as_ref().and_then(|document| read(document, limits, policy, &mut report));
        let descriptor = reading.and_then(|Reading { filename, manifest, files, .. }| {
            let entries = files.into_iter().collect::<Result<_, _>>().ok()?;
            Some(Descriptor { filename, entries, manifest })
        });
        report.finish(descriptor)
    }

    /// Whether sources that fail before their first byte are left out.
    pub fn skips(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.skips)
    }
}

/// What a document holds, right or wrong.
struct Reading<'n, 'b> {
    /// The name of the archive; the default where it is wrong.
    filename: Filename,
    /// What lists the files; none also where it is wrong.
    manifest: Option<Manifest>,
    /// How many files there are.
    count: usize,
    /// The files; none where there are too many.
    files: Vec<Result<Entry, Flawed<'n, 'b>>>,
}

/// A file that is not legal.
struct Flawed<'n, 'b> {
    /// What was sent.
    node: &'n Node<'b>,
    /// What is wrong with it first.
    first: Option<Violation>,
}

/// Reads a body as JSON, and reports what is wrong with it.
fn parse_document<'b>(body: &'b [u8], report: &mut Report) -> Option<Node<'b>> {
    Node::parse(body).map_err(|error| report.add(0, Pointer::Root, &error)).ok()
}

/// Reads the document and reports what is wrong with it; nothing is read unless it has a list of files.
fn read<'n, 'b>(
    document: &'n Node<'b>,
    limits: Limits,
    policy: &Policy,
    report: &mut Report,
) -> Option<Reading<'n, 'b>> {
    let at = Pointer::Root;
    let members = Members::read(document, at, FIELDS, report)?;
    let filename = members.optional("suggestedFilename", at, report, parse_filename);
    let compression = members.optional("compression", at, report, compression::parse_compression);
    let level = members.optional("compressionLevel", at, report, compression::parse_level);
    let portable = members.optional("portableNames", at, report, parse_flag);
    let streamable = members.optional("streamable", at, report, parse_flag);
    let list = members.required("files", at, report, parse_files)?;
    let files = judge_count(list, limits).unwrap_or_else(|error| {
        members.refuse("files", at, report, &error);
        &[]
    });
    let mut context = Context {
        policy,
        compression: compression.unwrap_or(Compression::Store),
        level: level.unwrap_or_default(),
        streamable: streamable.unwrap_or(false),
        portable: portable.unwrap_or(false),
        names: Names::new(),
    };
    let at_files = at.key("files");
    let read = |(index, node): (usize, &'n Node<'b>)| {
        let mut own = Report::default();
        let entry = context.read(index, node, at_files.index(index), &mut own);
        let first = report.absorb(own);
        entry.filter(|_| first.is_none()).ok_or(Flawed { node, first })
    };
    let files = files.iter().enumerate().map(read).collect();
    let manifest = manifest::read(&members, &mut context.names, context.portable, at, report);
    Some(Reading { filename: filename.unwrap_or_default(), manifest, count: list.len(), files })
}

/// Reads `suggestedFilename`.
fn parse_filename(node: &Node<'_>) -> Result<Filename, Error> {
    Filename::parse(node.as_str().ok_or(Error::FilenameType(node.kind()))?)
}

/// Reads `portableNames` or `streamable`.
fn parse_flag(node: &Node<'_>) -> Result<bool, Error> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        _ => Err(Error::Type { expected: "true or false", found: node.kind() }),
    }
}

/// Finds the list of files.
fn parse_files<'n, 'b>(node: &'n Node<'b>) -> Result<&'n [Node<'b>], Error> {
    match &node.value {
        Value::Array(files) => Ok(files),
        _ => Err(Error::Type { expected: "an array of files", found: node.kind() }),
    }
}

/// Judges the length of the list alone: one that is too long is not looked into.
fn judge_count<'n, 'b>(files: &'n [Node<'b>], limits: Limits) -> Result<&'n [Node<'b>], Error> {
    match files.len() {
        0 => Err(Error::NoFiles),
        count if count > limits.files => Err(Error::TooManyFiles { files: count, limit: limits.files }),
        _ => Ok(files),
    }
}

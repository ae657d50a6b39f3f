//! The client's request document, legal by construction.
//!
//! A body is read into a tree that keeps what a map would hide, then judged field by field. Everything wrong is
//! told at once, and nothing is fetched before all of it is right:
//!
//! ```text
//! body ──raw──▶ tree ──entry, name, source, header, …──▶ Descriptor, or Violations
//! ```

mod collision;
mod data_url;
mod entry;
mod error;
mod expected;
mod filename;
mod header;
mod invisible;
mod members;
mod metadata;
mod name;
mod pointer;
mod raw;
mod source;
mod violation;

pub use entry::Entry;
pub use error::Error;
pub use expected::Expected;
pub use filename::Filename;
pub use name::EntryName;
pub use source::{HttpSource, Source};
pub use violation::{Code, Violation, Violations};

use crate::egress::Policy;
use crate::zip::Method;

use collision::Names;
use entry::Context;
use members::Members;
use pointer::Pointer;
use raw::{Node, Value};
use violation::Report;

/// The fields of the document.
const FIELDS: &[&str] = &["suggestedFilename", "compression", "portableNames", "files"];

/// A legal request for an archive.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The name it is saved under.
    pub filename: Filename,
    /// Its members, in the order of the archive; at least one.
    pub entries: Vec<Entry>,
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
        let descriptor = match Node::parse(body) {
            Ok(document) => read(&document, limits, policy, &mut report),
            Err(error) => {
                report.add(0, Pointer::Root, &error);
                None
            }
        };
        report.finish(descriptor)
    }
}

/// Reads the document and reports what is wrong with it.
fn read(document: &Node<'_>, limits: Limits, policy: &Policy, report: &mut Report) -> Option<Descriptor> {
    let at = Pointer::Root;
    let members = Members::read(document, at, FIELDS, report)?;
    let filename = members.optional("suggestedFilename", at, report, parse_filename);
    let compression = members.optional("compression", at, report, metadata::parse_compression);
    let portable = members.optional("portableNames", at, report, parse_flag);
    let files = members.required("files", at, report, |node| parse_files(node, limits))?;
    let mut context = Context {
        policy,
        compression: compression.unwrap_or(Method::Store),
        portable: portable.unwrap_or(false),
        names: Names::new(),
    };
    let at_files = at.key("files");
    let entries: Vec<_> = files
        .iter()
        .enumerate()
        .filter_map(|(index, node)| context.read(index, node, at_files.index(index), report))
        .collect();
    Some(Descriptor { filename: filename.unwrap_or_default(), entries })
}

/// Reads `suggestedFilename`.
fn parse_filename(node: &Node<'_>) -> Result<Filename, Error> {
    Filename::parse(node.as_str().ok_or(Error::FilenameType(node.kind()))?)
}

/// Reads `portableNames`.
fn parse_flag(node: &Node<'_>) -> Result<bool, Error> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        _ => Err(Error::Type { expected: "true or false", found: node.kind() }),
    }
}

/// Finds the list of files and judges its length alone: a list that is too long is not looked into.
fn parse_files<'n, 'b>(node: &'n Node<'b>, limits: Limits) -> Result<&'n [Node<'b>], Error> {
    match &node.value {
        Value::Array(files) if files.is_empty() => Err(Error::NoFiles),
        Value::Array(files) if files.len() > limits.files => {
            Err(Error::TooManyFiles { files: files.len(), limit: limits.files })
        }
        Value::Array(files) => Ok(files),
        _ => Err(Error::Type { expected: "an array of files", found: node.kind() }),
    }
}

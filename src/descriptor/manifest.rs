//! The archive's own list of its entries, and what becomes of an archive whose sources fail.
//!
//! They are one value because one needs the other: an archive that may leave entries out must say which.

use super::collision::Names;
use super::members::Members;
use super::pointer::Pointer;
use super::raw::Node;
use super::violation::Report;
use super::{EntryName, Error};

/// The fields of `manifest`.
const FIELDS: &[&str] = &["zipPath"];

/// The name of a manifest that was given none.
const DEFAULT: &str = "MANIFEST.json";

/// Its index among the entries: none of the files'. No name is judged after it, so no violation tells it.
const LAST: usize = usize::MAX;

/// A last entry that lists all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its path in the archive; no other entry's, and no directory's.
    pub name: EntryName,
    /// Whether sources that fail before their first byte are left out and listed, instead of failing the archive.
    pub skips: bool,
}

/// Reads `manifest` and `onSourceError` and reports what is wrong with them, after all files have taken their `names`.
pub(super) fn read(
    members: &Members<'_, '_>,
    names: &mut Names,
    portable: bool,
    at: Pointer<'_>,
    report: &mut Report,
) -> Option<Manifest> {
    let skips = members.optional("onSourceError", at, report, parse_on_source_error).unwrap_or(false);
    let node = members.find("manifest").filter(|node| !node.is_null());
    if node.is_none() && !skips {
        return None;
    }
    let at_manifest = at.key("manifest");
    let own = match node {
        Some(node) => Some(Members::read(node, at_manifest, FIELDS, report)?),
        None => None,
    };
    let named = own.as_ref().and_then(|own| own.find("zipPath")).filter(|node| !node.is_null());
    // A name that nobody gave is at fault where it should stand.
    let asked = node.or_else(|| members.find("onSourceError"));
    let order = named.or(asked).map_or(0, |node| node.order);
    match parse_name(named, names, portable) {
        Ok(name) => Some(Manifest { name, skips }),
        Err(error) => {
            report.add(order, at_manifest.key("zipPath"), &error);
            None
        }
    }
}

/// Reads the manifest's name and takes it.
fn parse_name(named: Option<&Node<'_>>, names: &mut Names, portable: bool) -> Result<EntryName, Error> {
    let text = named.map_or(Ok(DEFAULT), |node| node.as_str().ok_or(Error::NameType(node.kind())))?;
    let name = EntryName::parse(text)?;
    if name.is_directory() {
        return Err(Error::ManifestDirectory);
    }
    names.insert(LAST, &name).map_err(|error| match error {
        Error::DuplicateZipPath { other } | Error::FileAndDirectory { other } if named.is_none() => {
            Error::ManifestTaken { name: DEFAULT, other }
        }
        error => error,
    })?;
    if portable {
        name.check_portable()?;
    }
    Ok(name)
}

/// Reads whether sources that fail are left out: `abort` or `skip`, in any case.
fn parse_on_source_error(node: &Node<'_>) -> Result<bool, Error> {
    match node.as_str() {
        Some(text) if text.eq_ignore_ascii_case("abort") => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("skip") => Ok(true),
        _ => Err(Error::OnSourceError),
    }
}

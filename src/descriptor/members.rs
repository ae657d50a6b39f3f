//! An object of the document with known fields: finds them, and reports what else is there.
//!
//! A misspelt option must not be ignored silently, and of two equal keys neither is better than the other.
//! `null` stands for an absent field wherever the field may be absent.

use std::collections::HashSet;

use super::Error;
use super::pointer::Pointer;
use super::raw::{Node, Value};
use super::violation::Report;

/// The longest key that is compared with the known ones, in octets: comparing is quadratic.
const MAX_COMPARED: usize = 64;

/// The known fields of an object.
#[derive(Debug)]
pub(super) struct Members<'n, 'b> {
    /// The object itself.
    object: &'n Node<'b>,
    /// The names.
    known: &'static [&'static str],
    /// The value of each, if there is one.
    values: Vec<Option<&'n Node<'b>>>,
}

impl<'n, 'b> Members<'n, 'b> {
    /// Reads an object and reports unknown fields and duplicate keys; reports and returns nothing if it is none.
    pub(super) fn read(
        object: &'n Node<'b>,
        at: Pointer<'_>,
        known: &'static [&'static str],
        report: &mut Report,
    ) -> Option<Members<'n, 'b>> {
        let Value::Object(members) = &object.value else {
            report.add(object.order, at, &Error::Type { expected: "an object", found: object.kind() });
            return None;
        };
        let mut values = vec![None; known.len()];
        let mut unknown = HashSet::new();
        for (key, node) in members {
            let error = match known.iter().position(|name| name == key) {
                Some(slot) if values[slot].is_none() => {
                    values[slot] = Some(node);
                    continue;
                }
                None if unknown.insert(key.as_ref()) => unknown_field(key, known),
                Some(_) | None => Error::DuplicateKey,
            };
            report.add(node.order, at.key(key), &error);
        }
        Some(Members { object, known, values })
    }

    /// Returns the value of a field, `null` included.
    pub(super) fn find(&self, name: &str) -> Option<&'n Node<'b>> {
        let slot = self.known.iter().position(|known| *known == name)?;
        self.values[slot]
    }

    /// Reads a field that may be absent; a value that does not parse is reported and left out.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        at: Pointer<'_>,
        report: &mut Report,
        parse: impl FnOnce(&'n Node<'b>) -> Result<T, Error>,
    ) -> Option<T> {
        let node = self.find(name).filter(|node| !node.is_null())?;
        parse(node).map_err(|error| report.add(node.order, at.key(name), &error)).ok()
    }

    /// Reads a field that must be there; its absence is reported.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        at: Pointer<'_>,
        report: &mut Report,
        parse: impl FnOnce(&'n Node<'b>) -> Result<T, Error>,
    ) -> Option<T> {
        match self.find(name) {
            Some(node) => parse(node).map_err(|error| report.add(node.order, at.key(name), &error)).ok(),
            None => {
                report.add(self.object.order, at.key(name), &Error::MissingField(name));
                None
            }
        }
    }

    /// Reports that a field is wrong in the light of others; an absent field is reported at the object's place.
    pub(super) fn refuse(&self, name: &str, at: Pointer<'_>, report: &mut Report, error: &Error) {
        let order = self.find(name).map_or(self.object.order, |node| node.order);
        report.add(order, at.key(name), error);
    }
}

/// The least likeness of a field that is suggested, from 0 to 1: half of the letters stand where they should.
const MIN_LIKENESS: f64 = 0.5;

/// Names the known field that is nearest to an unknown one, if one is near.
fn unknown_field(key: &str, known: &[&'static str]) -> Error {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let wanted = if key.len() <= MAX_COMPARED { plain(key) } else { String::new() };
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&plain(name), &wanted);
    let nearest = known.iter().map(|name| (likeness(name), *name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.filter(|(likeness, _)| *likeness >= MIN_LIKENESS).map(|(_, name)| name);
    Error::UnknownField { nearest, known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_known_field() {
        for (key, expected) in [
            ("zip_path", Some("zipPath")),
            ("path", Some("zipPath")),
            ("URL", Some("url")),
            ("last-modified", Some("lastModified")),
            ("password", None),
            ("", None),
        ] {
            match unknown_field(key, &["headers", "lastModified", "size", "url", "zipPath"]) {
                Error::UnknownField { nearest, .. } => assert_eq!(nearest, expected, "{key}"),
                error => panic!("{error}"),
            }
        }
    }
}

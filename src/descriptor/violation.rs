//! What is wrong with a descriptor: all of it at once, in the order of the document.
//!
//! A client that sends fifty files repairs them in one go. The list is bounded, because the client decides how
//! long it would be.

use std::fmt;

use super::error::Error;
use super::pointer::Pointer;

/// The most violations that are told: more than anybody repairs by hand, and little beside the body they came with.
const MAX_VIOLATIONS: usize = 100;

/// Everything that is wrong with a descriptor; never empty, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

/// One thing that is wrong with a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a JSON pointer (RFC 6901). A missing field is pointed to where it should stand.
    pub pointer: String,
    /// What, for programs.
    pub code: Code,
    /// What and how to repair it, for people.
    pub detail: String,
}

/// The kind of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A key that occurs twice in one object.
    DuplicateKey,
    /// Two names that some system takes for one.
    DuplicateZipPath,
    /// A URL that the egress policy refuses by its text.
    ForbiddenUrl,
    /// A value of the wrong type or out of its range.
    InvalidDescriptor,
    /// A `suggestedFilename` that cannot be used.
    InvalidFilename,
    /// A header that cannot or must not be sent.
    InvalidHeader,
    /// Not JSON.
    InvalidJson,
    /// A URL that cannot be used.
    InvalidUrl,
    /// A name that is not safe in an archive.
    InvalidZipPath,
    /// A required field is absent.
    MissingField,
    /// An empty list of files.
    NoFiles,
    /// More files than the limit.
    TooManyFiles,
    /// A field that does not exist.
    UnknownField,
    /// A compression that does not exist.
    UnsupportedCompression,
}

impl Code {
    /// Returns the code as it stands in a problem document.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::DuplicateKey => "duplicate_key",
            Code::DuplicateZipPath => "duplicate_zip_path",
            Code::ForbiddenUrl => "forbidden_url",
            Code::InvalidDescriptor => "invalid_descriptor",
            Code::InvalidFilename => "invalid_filename",
            Code::InvalidHeader => "invalid_header",
            Code::InvalidJson => "invalid_json",
            Code::InvalidUrl => "invalid_url",
            Code::InvalidZipPath => "invalid_zip_path",
            Code::MissingField => "missing_field",
            Code::NoFiles => "no_files",
            Code::TooManyFiles => "too_many_files",
            Code::UnknownField => "unknown_field",
            Code::UnsupportedCompression => "unsupported_compression",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Violations {
    /// Returns the first, whose code is the code of the answer.
    pub fn first(&self) -> &Violation {
        // Built by `Report::finish` alone, which never makes an empty list.
        &self.0[0]
    }

    /// Returns all that are told.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first();
        write!(f, "{} at {:?}: {}", first.code, first.pointer, first.detail)?;
        match self.0.len() - 1 {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for Violations {}

/// Collects violations while a document is walked; keeps the first ones of the document.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The kept ones with their place in the document; at most twice the most that are told.
    kept: Vec<(u32, Violation)>,
    /// How many were found altogether.
    found: usize,
}

impl Report {
    /// Notes that the value of the given order at the pointer is wrong.
    pub(super) fn add(&mut self, order: u32, pointer: Pointer<'_>, error: &Error) {
        self.found += 1;
        if self.kept.len() == 2 * MAX_VIOLATIONS {
            self.prune();
        }
        let violation =
            Violation { pointer: pointer.to_text(), code: error.code(), detail: error.to_string() };
        self.kept.push((order, violation));
    }

    /// Takes over what another report noted of the same document; returns the first of that.
    pub(super) fn absorb(&mut self, other: Report) -> Option<Violation> {
        let first = other.kept.iter().min_by_key(|(order, _)| *order).map(|(_, first)| first.clone());
        self.found += other.found;
        self.kept.extend(other.kept);
        if self.kept.len() > 2 * MAX_VIOLATIONS {
            self.prune();
        }
        first
    }

    /// Returns the value, or the violations if there was any.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.found == 0 => Ok(value),
            _ => {
                self.prune();
                let mut told: Vec<_> = self.kept.into_iter().map(|(_, violation)| violation).collect();
                let more = self.found.saturating_sub(told.len());
                match told.last_mut() {
                    Some(last) if more > 0 => {
                        last.detail.push_str(&format!(" ({more} more violations are not listed)"))
                    }
                    Some(_) => {}
                    // Nothing is left out without a reason; should it happen, the list still must not be empty.
                    None => told.push(Violation {
                        pointer: String::new(),
                        code: Code::InvalidDescriptor,
                        detail: "the descriptor is not complete".to_owned(),
                    }),
                }
                Err(Violations(told))
            }
        }
    }

    /// Puts the violations in the order of the document and drops those beyond the most that are told.
    fn prune(&mut self) {
        self.kept.sort_by_key(|(order, _)| *order);
        self.kept.truncate(MAX_VIOLATIONS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_first_ones_of_the_document_and_counts_the_rest() {
        let mut report = Report::default();
        for order in (0..450).rev() {
            report.add(order, Pointer::Root.index(order as usize), &Error::NoFiles);
        }
        let violations = report.finish(Some(())).unwrap_err();
        let pointers: Vec<_> = violations.as_slice().iter().map(|v| v.pointer.clone()).collect();
        assert_eq!(pointers, (0..100).map(|n| format!("/{n}")).collect::<Vec<_>>());
        assert!(violations.as_slice()[99].detail.ends_with("(350 more violations are not listed)"));
        assert_eq!(Report::default().finish(Some(7)), Ok(7));
        assert_eq!(Report::default().finish::<()>(None).unwrap_err().as_slice().len(), 1);
    }
}

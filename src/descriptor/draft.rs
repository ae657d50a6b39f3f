//! A descriptor as it was sent, right or wrong: for those who want to know all that is to be said of it.
//!
//! It is read by the same code as a [`Descriptor`](super::Descriptor), so its violations are those that a download
//! would be refused with. Only a document that is not one at all has no draft: one that is not JSON, no object, or
//! has no list of files.

use super::raw::{Node, Value};
use super::violation::{Report, Violation, Violations};
use super::{Code, Entry, Flawed, Limits, Manifest, Reading, parse_document, read, source};
use crate::egress::Policy;

/// The longest name that is given back although it is not legal, in octets: twice the longest legal one.
const MAX_SHOWN_OCTETS: usize = 2048;

/// A document with a list of files.
#[derive(Clone, Debug)]
pub struct Draft {
    /// How many files it lists.
    pub count: usize,
    /// Every file, legal or not, in its order; none when there are more than the limit, for those are not looked into.
    pub files: Vec<Result<Entry, Rejected>>,
    /// What is to list the files; none also where it is wrong.
    pub manifest: Option<Manifest>,
    /// All violations of the document; `None` where it is a legal descriptor.
    pub violations: Option<Violations>,
}

/// A file that is not legal.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Its URL as it may be shown, where it can be read as one.
    pub url: Option<String>,
    /// Its name as it was sent, unless it is far too long.
    pub zip_path: Option<String>,
    /// The first that is wrong with it.
    pub violation: Violation,
}

impl Draft {
    /// Reads a request body.
    ///
    /// # Errors
    /// The violations of a body that is not JSON, not an object, or has no list of files.
    pub fn survey(body: &[u8], limits: Limits, policy: &Policy) -> Result<Draft, Violations> {
        let mut report = Report::default();
        let document = parse_document(body, &mut report);
        let reading = document.as_ref().and_then(|document| read(document, limits, policy, &mut report));
        let Some(Reading { count, files, manifest, .. }) = reading else { return report.finish(None) };
        let files = files.into_iter().map(|file| file.map_err(Rejected::new)).collect();
        Ok(Draft { count, files, manifest, violations: report.finish(Some(())).err() })
    }
}

impl Rejected {
    fn new(file: Flawed<'_, '_>) -> Rejected {
        let zip_path = text(file.node, "zipPath").filter(|name| name.len() <= MAX_SHOWN_OCTETS);
        Rejected {
            url: text(file.node, "url").and_then(source::show),
            zip_path: zip_path.map(str::to_owned),
            // Nothing is rejected without a reason; should it happen, the file still must not pass for legal.
            violation: file.first.unwrap_or(Violation {
                pointer: "/files".to_owned(),
                code: Code::InvalidDescriptor,
                detail: "a file is not complete".to_owned(),
            }),
        }
    }
}

/// Finds the text of a member, the first of its name.
fn text<'n>(object: &'n Node<'_>, name: &str) -> Option<&'n str> {
    let Value::Object(members) = &object.value else { return None };
    members.iter().find(|(key, _)| key == name)?.1.as_str()
}

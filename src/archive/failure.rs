//! Why an archive cannot be made, or not be finished, and which entry is to blame.

use std::collections::BTreeMap;

use crate::plan::{self, Entry, Plan, Skipped};
use crate::{descriptor, fetch, zip};

/// A failure of an archive.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}{reason}", .entry.as_ref().map(|entry| format!("entry {} ({}): ", entry.index, entry.zip_path)).unwrap_or_default())]
pub struct Failure {
    /// What happened.
    pub reason: Reason,
    /// The entry it happened to, where it was one.
    pub entry: Option<FailedEntry>,
}

/// The entry that failed, as the descriptor has it.
#[derive(Clone, Debug)]
pub struct FailedEntry {
    /// Its index in `files`.
    pub index: usize,
    /// Its name in the archive.
    pub zip_path: String,
    /// Its URL without query and fragment.
    pub url: String,
}

impl FailedEntry {
    /// The host of its source.
    pub fn host(&self) -> Option<String> {
        url::Url::parse(&self.url).ok()?.host_str().map(str::to_owned)
    }
}

/// What happened to an archive.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The compressor stopped.
    #[error("the compressor failed")]
    Compressor,
    /// The archive cannot be written as a ZIP file.
    #[error("the archive cannot be encoded: {0}")]
    Encoder(#[from] zip::Error),
    /// The source's bytes are not what the descriptor declares.
    #[error(transparent)]
    Mismatch(#[from] descriptor::Mismatch),
    /// A part of an archive was asked for that can only be made whole: a fault of the caller's.
    #[error("the archive cannot be made in parts")]
    NotDivisible,
    /// As many archives as the process may make are being made.
    #[error("the service is making as many archives as it may")]
    Overloaded,
    /// The source failed.
    #[error(transparent)]
    Source(#[from] fetch::Error),
    /// The sources are larger than the client may have in one archive.
    #[error(transparent)]
    TooLarge(#[from] plan::TooLarge),
}

impl Reason {
    /// What is said of a source that is left out for it; `None` where no source is to blame, or where the descriptor
    /// names what the policy refuses.
    pub(super) fn as_skipped(&self) -> Option<Skipped> {
        let code = match self {
            Reason::Mismatch(_) => descriptor::Mismatch::CODE,
            Reason::Source(fetch::Error::Exhausted | fetch::Error::Forbidden { redirected: false, .. }) => {
                return None;
            }
            Reason::Source(error) => error.code(),
            Reason::Compressor
            | Reason::Encoder(_)
            | Reason::NotDivisible
            | Reason::Overloaded
            | Reason::TooLarge(_) => return None,
        };
        Some(Skipped { code, detail: self.to_string() })
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client asked for what it may not have.
    Client,
    /// The service itself.
    Server,
    /// A source.
    Source,
}

impl Fault {
    /// The word for it in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Client => "client",
            Fault::Server => "server",
            Fault::Source => "source",
        }
    }
}

impl Failure {
    /// Blames an entry of a plan, or the archive where it is none's.
    pub(super) fn of_entry(index: usize, entry: Option<&Entry>, reason: Reason) -> Failure {
        let entry = entry.map(|entry| FailedEntry {
            index,
            zip_path: entry.name().to_owned(),
            url: entry.source.shown(),
        });
        Failure { reason, entry }
    }

    /// A failure that is no single entry's.
    pub(super) fn of_archive(reason: impl Into<Reason>) -> Failure {
        Failure { reason: reason.into(), entry: None }
    }

    /// Whether no later download of the same plan can be whole: its source is not what it was, or not what the
    /// descriptor declares.
    pub fn is_lasting(&self) -> bool {
        match &self.reason {
            Reason::Mismatch(_) | Reason::Source(fetch::Error::Changed(_)) => true,
            Reason::Compressor
            | Reason::Encoder(_)
            | Reason::NotDivisible
            | Reason::Overloaded
            | Reason::Source(_)
            | Reason::TooLarge(_) => false,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match &self.reason {
            Reason::TooLarge { .. } => Fault::Client,
            Reason::Compressor
            | Reason::Encoder(_)
            | Reason::NotDivisible
            | Reason::Overloaded
            | Reason::Source(fetch::Error::Exhausted) => Fault::Server,
            Reason::Mismatch { .. } | Reason::Source(_) => Fault::Source,
        }
    }
}

/// The first failure of an archive that has lost all its sources: a reader of it would have nothing, and should know why.
pub(super) fn hollow(plan: &Plan, failed: &BTreeMap<usize, Reason>) -> Option<(usize, Reason)> {
    let (index, reason) = failed.first_key_value().filter(|_| plan.is_hollow())?;
    Some((*index, reason.clone()))
}

//! Why an archive cannot be made, or not be finished, and which entry is to blame.

use crate::plan::Entry;
use crate::{fetch, zip};

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
    #[error("the source is not what the descriptor declares: its {field} is {actual}, not {expected}")]
    Mismatch {
        /// The declared field: `size`, `crc32` or `sha256`.
        field: &'static str,
        /// What the descriptor says.
        expected: String,
        /// What the source has.
        actual: String,
    },
    /// As many archives as the process may make are being made.
    #[error("the service is making as many archives as it may")]
    Overloaded,
    /// The source failed.
    #[error(transparent)]
    Source(#[from] fetch::Error),
    /// The sources are larger than the client may have in one archive.
    #[error("the sources are larger together than the {limit} bytes that an archive may hold")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
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

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match &self.reason {
            Reason::TooLarge { .. } => Fault::Client,
            Reason::Compressor | Reason::Encoder(_) | Reason::Overloaded => Fault::Server,
            Reason::Mismatch { .. } | Reason::Source(_) => Fault::Source,
        }
    }
}

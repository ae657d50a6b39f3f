//! The one line that each archive leaves in the log.

use std::time::Instant;

use super::{Problem, request_id::RequestId, response::Error};
use crate::archive;

/// What is to be said of an archive; said when it is dropped.
pub struct Outcome {
    begun: Instant,
    bytes: u64,
    end: End,
    entries: usize,
    id: RequestId,
}

/// How an archive ended.
enum End {
    /// With an error, described.
    Failed(Fault),
    /// The client went away, or was cut off, before the end.
    Left,
    /// Whole.
    Whole,
}

/// What a log line says of a failure.
struct Fault {
    code: &'static str,
    fault: archive::Fault,
    detail: String,
    entry: Option<usize>,
    source: Option<String>,
}

impl Outcome {
    /// An archive of so many entries, asked for now.
    pub fn new(id: RequestId, entries: usize) -> Outcome {
        Outcome { begun: Instant::now(), bytes: 0, end: End::Left, entries, id }
    }

    /// Notes that the server has taken so many bytes more.
    pub fn note_sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Notes that the archive is whole.
    pub fn note_end(&mut self) {
        self.end = End::Whole;
    }

    /// Notes that it broke off.
    pub fn note_failure(&mut self, error: &Error) {
        self.end = End::Failed(match error {
            Error::Failed(failure) => Fault::of(failure),
            Error::TooLong | Error::TooShort => {
                let (detail, fault) = (error.to_string(), archive::Fault::Server);
                Fault { code: "internal_error", fault, detail, entry: None, source: None }
            }
        });
    }

    /// Notes that it was refused before its first byte.
    pub fn note_refusal(&mut self, failure: &archive::Failure) {
        self.end = End::Failed(Fault::of(failure));
    }
}

impl Fault {
    fn of(failure: &archive::Failure) -> Fault {
        Fault {
            code: Problem::code_of(&failure.reason),
            fault: failure.fault(),
            detail: failure.reason.to_string(),
            entry: failure.entry.as_ref().map(|entry| entry.index),
            source: failure.entry.as_ref().and_then(archive::FailedEntry::host),
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let Outcome { begun, bytes, end, entries, id } = self;
        let (ms, id) = (begun.elapsed().as_millis(), id.as_str());
        match end {
            End::Failed(Fault { code, fault, detail, entry, source }) => {
                let (fault, detail, source) = (fault.as_str(), detail.as_str(), source.as_deref());
                tracing::warn!(id, bytes, entries, ms, fault, code, entry, source, detail, "archive failed");
            }
            End::Left => {
                tracing::info!(id, bytes, entries, ms, fault = "client", "archive left by its reader")
            }
            End::Whole => tracing::info!(id, bytes, entries, ms, "archive sent"),
        }
    }
}

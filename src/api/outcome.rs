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
    detail: String,
    entry: Option<usize>,
    source: Option<String>,
}

impl Outcome {
    /// An archive of so many entries, asked for now.
    pub fn new(id: RequestId, entries: usize) -> Outcome {
        Outcome { begun: Instant::now(), bytes: 0, end: End::Left, entries, id }
    }

    /// Notes how many bytes the server has taken.
    pub fn note_sent(&mut self, bytes: u64) {
        self.bytes = bytes;
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
                Fault { code: "internal_error", detail: error.to_string(), entry: None, source: None }
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
        let host = |url: &String| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
        Fault {
            code: Problem::code_of(&failure.reason),
            detail: failure.reason.to_string(),
            entry: failure.entry.as_ref().map(|entry| entry.index),
            source: failure.entry.as_ref().and_then(|entry| host(&entry.url)),
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let Outcome { begun, bytes, end, entries, id } = self;
        let (ms, id) = (begun.elapsed().as_millis(), id.as_str());
        match end {
            End::Failed(Fault { code, detail, entry, source }) => {
                let (detail, source) = (detail.as_str(), source.as_deref());
                tracing::warn!(id, bytes, entries, ms, code, entry, source, detail, "archive failed");
            }
            End::Left => {
                tracing::info!(id, bytes, entries, ms, fault = "client", "archive left by its reader")
            }
            End::Whole => tracing::info!(id, bytes, entries, ms, "archive sent"),
        }
    }
}

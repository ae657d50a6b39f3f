//! What is said of each archive: one line in the log, its numbers, and to its link how far it is.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{Connection, Problem, Refusal, TraceId, openapi, request_id::RequestId, response::Error};
use crate::{archive, links};

/// What is to be said of an archive; said when it is dropped.
pub struct Outcome {
    begun: Instant,
    bytes: u64,
    connection: Connection,
    /// The link's view of it, where it came by one, and what it writes down for others.
    download: Option<(links::Download, Arc<links::Book>)>,
    end: End,
    entries: usize,
    id: RequestId,
    /// The bytes of the archive that are asked for, first and last, where not all of them are.
    part: Option<String>,
    sent: metrics::Counter,
    /// How many of its entries are left out, where that may be.
    skipped: Option<Arc<AtomicUsize>>,
}

/// The series of archives.
const ARCHIVES: &str = "zipstream_archives_total";

/// The series of their times, in seconds.
const DURATION: &str = "zipstream_archive_duration_seconds";
const FIRST_BYTE: &str = "zipstream_archive_first_byte_seconds";

/// The series of their bytes.
const SENT: &str = "zipstream_sent_bytes_total";

/// The series of answers that are no success.
pub(super) const PROBLEMS: &str = "zipstream_problems_total";

/// Makes the series stand at zero: an alert asks for an increase, and what appears with its first event shows none.
pub(super) fn register() {
    let archives = |outcome, fault: &'static str, code| {
        metrics::counter!(ARCHIVES, "outcome" => outcome, "fault" => fault, "code" => code).absolute(0);
    };
    metrics::counter!(SENT).absolute(0);
    _ = (metrics::histogram!(FIRST_BYTE), metrics::histogram!(DURATION, "outcome" => "sent"));
    archives("sent", "none", "none");
    archives("left", archive::Fault::Client.as_str(), "none");
    archives("failed", archive::Fault::Server.as_str(), Problem::draining().code());
    for code in openapi::codes_of_archives() {
        let fault = match code {
            "archive_too_large" => archive::Fault::Client,
            "internal_error" | "overloaded" => archive::Fault::Server,
            _ => archive::Fault::Source,
        };
        ["failed", "refused"].into_iter().for_each(|outcome| archives(outcome, fault.as_str(), code));
        metrics::counter!(PROBLEMS, "code" => code).absolute(0);
    }
}

/// How an archive ended.
enum End {
    /// With an error, described.
    Failed(Fault),
    /// The client went away, or was cut off for taking nothing, before the end.
    Left,
    /// With an error before its first byte, described.
    Refused(Fault),
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
    /// An archive of so many entries, asked for now on a connection.
    pub fn new(id: RequestId, entries: usize, connection: Connection) -> Outcome {
        let sent = metrics::counter!(SENT);
        Outcome {
            begun: Instant::now(),
            bytes: 0,
            connection,
            download: None,
            end: End::Left,
            entries,
            id,
            part: None,
            sent,
            skipped: None,
        }
    }

    /// Makes it tell a link's download too.
    pub fn tell(&mut self, download: links::Download, book: Arc<links::Book>) {
        self.download = Some((download, book));
    }

    /// Notes that the archive, of this length in all, has begun, or only a part of it.
    pub fn note_start(&mut self, archive: &archive::Archive, length: Option<u64>, part: Option<&Range<u64>>) {
        if let Some((download, _)) = &self.download {
            let (done, skipped) = (&archive.entries_done, &archive.entries_skipped);
            download.note_plan(length, Arc::clone(done), Arc::clone(skipped));
            download.note_part(part.cloned());
        }
        self.part = part.map(|part| format!("{}-{}", part.start, part.end.saturating_sub(1)));
        self.skipped = Some(Arc::clone(&archive.entries_skipped));
    }

    /// Notes that the server has taken so many bytes more.
    pub fn note_sent(&mut self, bytes: usize) {
        if self.bytes == 0 {
            metrics::histogram!(FIRST_BYTE).record(self.begun.elapsed());
        }
        self.bytes += bytes as u64;
        self.sent.increment(bytes as u64);
        if let Some((download, _)) = &self.download {
            download.note_sent(bytes as u64);
        }
    }

    /// Notes that the archive is whole.
    pub fn note_end(&mut self) {
        self.end = End::Whole;
        if let Some((download, _)) = &self.download {
            download.note_end();
        }
    }

    /// Notes that it broke off.
    pub fn note_failure(&mut self, error: &Error) {
        match error {
            Error::Failed(failure) => self.fail_by(failure, End::Failed),
            Error::TooLong | Error::TooShort => {
                let fault = Fault::ours("internal_error", error.to_string());
                self.fail(End::Failed(fault), &Problem::internal());
            }
        }
    }

    /// Notes that it was refused before its first byte.
    pub fn note_refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::Archive(failure) => self.fail_by(failure, End::Refused),
            Refusal::Link(error) => {
                let problem = Problem::of_link(error);
                let fault = match error {
                    // Removed, or at its end, since it was found.
                    links::Error::NotFound | links::Error::ShareExceeded { .. } => archive::Fault::Client,
                    links::Error::Damaged | links::Error::Full | links::Error::Unavailable(_) => {
                        archive::Fault::Server
                    }
                };
                let fault = Fault { fault, ..Fault::ours(problem.code(), error.to_string()) };
                self.fail(End::Refused(fault), &problem);
            }
        }
    }

    fn fail_by(&mut self, failure: &archive::Failure, end: fn(Fault) -> End) {
        let problem = failure.clone().into();
        self.fail(end(Fault::of(failure)), &problem);
        if let Some((_, book)) = self.download.as_ref().filter(|_| failure.is_lasting()) {
            book.note_fault(problem.code(), problem.detail());
        }
    }

    fn fail(&mut self, end: End, problem: &Problem) {
        self.end = end;
        if let Some((download, _)) = &self.download {
            download.note_failure(problem.code(), problem.detail());
        }
    }
}

impl Fault {
    /// A fault of the service.
    fn ours(code: &'static str, detail: String) -> Fault {
        Fault { code, fault: archive::Fault::Server, detail, entry: None, source: None }
    }

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
        if matches!(self.end, End::Left) && self.connection.is_cut() {
            let problem = Problem::draining();
            let fault = Fault::ours(problem.code(), "it was cut off when the service ended".to_owned());
            self.fail(End::Failed(fault), &problem);
        }
        self.end.count(self.begun.elapsed());
        let Outcome { begun, bytes, end, entries, id, part, skipped, .. } = self;
        let part = part.as_deref();
        let (trace, id) = (id.trace().map(TraceId::as_str), id.as_str());
        // JSON has no number of 128 bits: it would be a text.
        let ms = begun.elapsed().as_millis() as u64;
        // Said only of archives from which something is missing.
        let skipped = skipped.as_ref().map(|skipped| skipped.load(Relaxed)).filter(|skipped| *skipped > 0);
        match end {
            End::Failed(Fault { code, fault, detail, entry, source }) => {
                let (fault, detail, source) = (fault.as_str(), detail.as_str(), source.as_deref());
                tracing::warn!(
                    id,
                    trace,
                    bytes,
                    part,
                    entries,
                    skipped,
                    ms,
                    fault,
                    code,
                    entry,
                    source,
                    detail,
                    "archive failed"
                );
            }
            End::Refused(Fault { code, fault, detail, entry, source }) => {
                let (fault, detail, source) = (fault.as_str(), detail.as_str(), source.as_deref());
                tracing::warn!(id, trace, entries, ms, fault, code, entry, source, detail, "archive refused");
            }
            End::Left => {
                tracing::info!(
                    id,
                    trace,
                    bytes,
                    part,
                    entries,
                    skipped,
                    ms,
                    fault = "client",
                    "archive left by its reader"
                )
            }
            End::Whole => tracing::info!(id, trace, bytes, part, entries, skipped, ms, "archive sent"),
        }
    }
}

impl End {
    /// Counts the archive. All labels are words of this program.
    fn count(&self, taken: Duration) {
        let (outcome, fault, code) = match self {
            End::Failed(Fault { fault, code, .. }) => ("failed", fault.as_str(), *code),
            End::Left => ("left", archive::Fault::Client.as_str(), "none"),
            End::Refused(Fault { fault, code, .. }) => ("refused", fault.as_str(), *code),
            End::Whole => ("sent", "none", "none"),
        };
        metrics::counter!(ARCHIVES, "outcome" => outcome, "fault" => fault, "code" => code).increment(1);
        metrics::histogram!(DURATION, "outcome" => outcome).record(taken);
    }
}

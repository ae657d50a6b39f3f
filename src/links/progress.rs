//! How far a running download is: a few atomics that its body writes and whoever asks reads.

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

use tokio::sync::Notify;

use super::{Error, Failure, State, Status};

/// A download that has begun; dropped before it is told to have ended, it has failed with `client_gone`.
#[derive(Debug)]
pub struct Download(Arc<Progress>);

impl Download {
    pub(super) fn new(entries: usize) -> Download {
        Download(Arc::new(Progress {
            end: OnceLock::new(),
            ended: Notify::new(),
            entries,
            part_end: OnceLock::new(),
            plan: OnceLock::new(),
            sent: AtomicU64::new(0),
            started: SystemTime::now(),
        }))
    }

    /// Notes the archive's length, where it is known, and where the numbers of its complete entries and of those that are
    /// left out can be read.
    pub fn note_plan(&self, length: Option<u64>, done: Arc<AtomicUsize>, skipped: Arc<AtomicUsize>) {
        // A download is planned once.
        _ = self.0.plan.set((length, done, skipped));
    }

    /// Notes that only these bytes of the archive are asked for, if not all of them: what lies before them counts as sent.
    pub fn note_part(&self, part: Option<Range<u64>>) {
        if let Some(part) = part {
            self.note_sent(part.start);
            // Noted once.
            _ = self.0.part_end.set(part.end);
        }
    }

    /// Notes that so many bytes more were handed to the connection.
    pub fn note_sent(&self, bytes: u64) {
        self.0.sent.fetch_add(bytes, Relaxed);
    }

    /// Notes that all was sent.
    pub fn note_end(&self) {
        self.0.end_with(None);
    }

    /// Notes that it failed; only the first end counts.
    pub fn note_failure(&self, code: &str, detail: &str) {
        self.0.end_with(Some(Failure { code: code.to_owned(), detail: detail.to_owned() }));
    }

    /// What others may read of it.
    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.0
    }

    /// Takes a download back that never came to be counted, for this reason.
    pub(super) fn discard(self, error: Error) -> Error {
        self.note_failure("link_not_found", &error.to_string());
        error
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.note_failure("client_gone", "the connection ended before the archive did");
    }
}

/// How far a download is.
#[derive(Debug)]
pub(super) struct Progress {
    end: OnceLock<End>,
    /// Told when `end` is set.
    ended: Notify,
    entries: usize,
    /// The offset behind the last byte that is asked for, where that is known.
    part_end: OnceLock<u64>,
    /// The archive's length, and the numbers of its entries that are complete and that are left out.
    plan: OnceLock<(Option<u64>, Arc<AtomicUsize>, Arc<AtomicUsize>)>,
    sent: AtomicU64,
    started: SystemTime,
}

/// How a download ended.
#[derive(Debug)]
struct End {
    at: SystemTime,
    failure: Option<Failure>,
    /// The same moment, on the clock that never jumps.
    moment: Instant,
}

impl Progress {
    fn end_with(&self, failure: Option<Failure>) {
        let end = End { at: SystemTime::now(), failure, moment: Instant::now() };
        if self.end.set(end).is_ok() {
            self.ended.notify_one();
        }
    }

    /// When it ended, if it did.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.end.get().map(|end| end.moment)
    }

    /// Waits for the end; one waits at a time.
    ///
    /// # Cancel safety
    /// An end that came meanwhile is found by the next call.
    pub(super) async fn ended(&self) {
        while self.end.get().is_none() {
            self.ended.notified().await;
        }
    }

    /// A picture of this moment.
    pub(super) fn status(&self) -> Status {
        let end = self.end.get();
        let plan = self.plan.get();
        let counts = plan.map(|(_, done, skipped)| (done.load(Relaxed), skipped.load(Relaxed)));
        let (files_done, files_skipped) = counts.unwrap_or_default();
        let length = plan.and_then(|(length, ..)| *length);
        let is_short = self.part_end.get().is_some_and(|&end| length.is_some_and(|length| end < length));
        let text = |time: SystemTime| humantime::format_rfc3339_millis(time).to_string();
        Status {
            state: match end {
                None => State::Running,
                Some(End { failure: None, .. }) if is_short => State::Partial,
                Some(End { failure: None, .. }) => State::Done,
                Some(End { failure: Some(_), .. }) => State::Failed,
            },
            bytes_sent: self.sent.load(Relaxed),
            bytes_total: length,
            files_done,
            files_skipped,
            files_total: self.entries,
            started_at: Some(text(self.started)),
            finished_at: end.map(|end| text(end.at)),
            error: end.and_then(|end| end.failure.clone()),
        }
    }
}

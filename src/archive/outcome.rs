//! One line in the log for each archive: how it ended, how much of it there was, and whose fault it was.

use std::time::Instant;

use tracing::Span;

use super::Failure;

/// What is known of an archive so far; dropping it writes the line.
pub(super) struct Outcome {
    /// Bytes of the archive handed out.
    pub(super) bytes: u64,
    /// Entries finished.
    pub(super) entries: usize,
    /// All entries.
    pub(super) of: usize,
    /// How it ended: `None` while it runs, so that a dropped archive counts as left by its reader.
    pub(super) end: Option<Result<(), Failure>>,
    started: Instant,
    span: Span,
}

impl Outcome {
    /// Starts with nothing done, in the current span (which names the request).
    pub(super) fn new(of: usize) -> Outcome {
        Outcome { bytes: 0, entries: 0, of, end: None, started: Instant::now(), span: Span::current() }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let (bytes, entries, of) = (self.bytes, self.entries, self.of);
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &self.end {
            Some(Ok(())) => tracing::info!(outcome = "complete", bytes, entries, of, duration_ms, "archive"),
            None => tracing::info!(outcome = "reader_gone", bytes, entries, of, duration_ms, "archive"),
            Some(Err(failure)) => {
                let fault = failure.fault().as_str();
                let host = failure.entry.as_ref().and_then(|entry| entry.host()).unwrap_or_default();
                let error = failure.to_string();
                tracing::warn!(
                    outcome = "failed",
                    fault,
                    host,
                    error,
                    bytes,
                    entries,
                    of,
                    duration_ms,
                    "archive"
                );
            }
        }
    }
}

//! What the operators are told of sources: requests by outcome, retries, bytes, the time to an answer.
//!
//! What is counted for every answer and every chunk has its handle ready; a failure may look its own up.

use std::time::Instant;

use metrics::{Counter, Histogram};

use super::Error;

/// The series of requests to sources.
const REQUESTS: &str = "zipstream_source_requests_total";

/// The handles of one client.
pub(super) struct Meter {
    answered: Counter,
    first_byte: Histogram,
    /// Bytes of bodies, wanted or not.
    pub(super) received: Counter,
    retries: Counter,
}

impl Meter {
    /// Looks the handles up.
    pub(super) fn new() -> Meter {
        Meter {
            answered: metrics::counter!(REQUESTS, "outcome" => "answered"),
            first_byte: metrics::histogram!("zipstream_source_first_byte_seconds"),
            received: metrics::counter!("zipstream_source_bytes_total"),
            retries: metrics::counter!("zipstream_source_retries_total"),
        }
    }

    /// Counts a request that was begun at `begun`, redirects included.
    pub(super) fn note_request<T>(&self, begun: Instant, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => {
                self.answered.increment(1);
                self.first_byte.record(begun.elapsed());
            }
            Err(error) => metrics::counter!(REQUESTS, "outcome" => error.as_str()).increment(1),
        }
    }

    /// Counts a request that follows a failed one.
    pub(super) fn note_retry(&self) {
        self.retries.increment(1);
    }
}

//! The configuration of `fetch`: clocks, attempts, limits and trust.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::value::{self, ByteSize};

/// The keys of the section `[fetch]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How often one source is asked before it counts as failed; 1 MiB of new bytes gives all attempts back, and so do
    /// fewer once `retry_time` is over, if they came at `min_rate` while they were waited for.
    pub attempts: u32,
    /// PEM certificates that are trusted besides the platform's.
    pub ca_file: Option<PathBuf>,
    /// How long a dial may take: name, TCP and TLS, each.
    #[serde(with = "value::duration")]
    pub connect_timeout: Duration,
    /// How long a source may take from the request to the head of its answer.
    #[serde(with = "value::duration")]
    pub first_byte_timeout: Duration,
    /// How long a body may be silent while bytes are asked of it.
    #[serde(with = "value::duration")]
    pub idle_timeout: Duration,
    /// The bytes a second below which a body counts as stalled, over `min_rate_window` of asking.
    pub min_rate: ByteSize,
    /// The time of asking over which `min_rate` is taken.
    #[serde(with = "value::duration")]
    pub min_rate_window: Duration,
    /// How many connections one archive may have open ahead, and how many unanswered requests all archives that
    /// are starting may have at one host.
    pub per_host: usize,
    /// How long retries of one source may go on.
    #[serde(with = "value::duration")]
    pub retry_time: Duration,
    /// The most bytes of a long source that one of several connections is asked for at a time; sources of less than
    /// four times as many are read by one.
    pub segment_size: ByteSize,
    /// How many connections may read one source at once.
    pub segments: usize,
}

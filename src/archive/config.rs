//! The configuration of `archive`: what is inlined, how far is looked ahead.

use std::time::Duration;

use serde::Deserialize;

use crate::value::{self, ByteSize};

/// The keys of the section `[archive]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many blocks of DEFLATE are compressed at once, of all archives; 0 is as many as there are processors.
    pub compressors: usize,
    /// Bodies of at most this length are held whole before their header is written, so that it tells the CRC.
    pub inline_size: ByteSize,
    /// What one archive may hold ahead in its first second.
    pub prefetch_size: ByteSize,
    /// What all archives together may hold ahead.
    pub prefetch_total: ByteSize,
    /// How many sources are asked before the first byte is sent.
    pub probe_files: usize,
    /// The most that is asked of a source ahead of its turn.
    pub probe_size: ByteSize,
    /// How long sources may take to answer before the archive starts without them.
    #[serde(with = "value::duration")]
    pub probe_timeout: Duration,
}

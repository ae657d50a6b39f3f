//! How long links last, and how many there may be.

use std::time::Duration;

use serde::Deserialize;

use crate::value;

/// The `[links]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The most links that are kept at the same time.
    pub max: usize,
    /// Time after which a link's record is forgotten, whatever is done with it.
    #[serde(with = "value::duration")]
    pub max_age: Duration,
    /// The most bytes of descriptors that are kept at the same time.
    pub max_bytes: value::ByteSize,
    /// Of these, the most of one client.
    pub max_bytes_per_client: value::ByteSize,
    /// The most links that are kept of one client.
    pub max_per_client: usize,
    /// The most bytes that are read a second time for the sake of a part of an archive.
    pub reread_limit: value::ByteSize,
    /// Time for which the record of a link is kept after the last byte of a download.
    #[serde(with = "value::duration")]
    pub resume_window: Duration,
    /// Time in which a link can be used.
    #[serde(with = "value::duration")]
    pub ttl: Duration,
}

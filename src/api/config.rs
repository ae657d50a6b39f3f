//! What the API can be told.

use std::time::Duration;

use crate::{archive, descriptor};

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits of an archive.
    pub archive: archive::Limits,
    /// Longest request body, in octets.
    pub body_limit: usize,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Origins whose pages may call the API; `*` is any.
    pub cors_origins: Vec<String>,
    /// Limits of a descriptor.
    pub descriptor: descriptor::Limits,
}

//! What the API can be told.

use std::time::Duration;

use crate::limits;

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct Config {
    /// Octets of request bodies that are read at the same time.
    pub bodies_total: usize,
    /// Longest request body, in octets.
    pub body_limit: usize,
    /// Time for a request's body.
    pub body_timeout: Duration,
    /// Origins whose pages may call the API; `*` is any.
    pub cors_origins: Vec<String>,
    /// The guard against floods of requests.
    pub flood: Flood,
    /// The proxies whose word on their clients' addresses is taken.
    pub proxies: limits::Proxies,
}

/// How many requests one client address may send, of whatever kind.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// At once.
    pub burst: u32,
    /// A second; 0 lets all pass.
    pub rate: u32,
}

//! What nodes share: a connection to Redis or Valkey, where one is configured.
//!
//! Links and limits keep their records through it, each in a file of its own; without it each node keeps its own.

mod redis;

use serde::{Deserialize, Deserializer};

use crate::value::Secret;

pub use self::redis::Redis;

/// The `[state]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the shared state is: `redis://[user:password@]host[:port][/database]`, or `rediss://` over TLS; `None`
    /// keeps it in memory. A secret, for it may hold a password.
    #[serde(deserialize_with = "optional")]
    pub url: Option<Secret<String>>,
}

/// Reads a text, or none from an empty one.
fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    let text = String::deserialize(from)?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

/// Why the shared state did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or did not answer in time.
    #[error("the shared state is out of reach: {0}")]
    Unavailable(String),
    /// The configured URL is none.
    #[error("state.url: is no redis:// or rediss:// URL")]
    Url,
}

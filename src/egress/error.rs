//! What can go wrong between a URL and an open connection.
//!
//! The texts reach clients and hold no address. The details stay in the error's source, for the log.

use std::io;

use super::Refusal;

/// A dial that led to no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy refused the URL or one of the addresses behind its name.
    #[error(transparent)]
    Forbidden(#[from] Refusal),
    /// No address accepted a connection; the source is the first address' failure.
    #[error("the host did not accept a connection")]
    Unreachable(#[source] io::Error),
    /// The name has no address ([`io::ErrorKind::NotFound`]), or nobody could tell.
    #[error("the host name could not be resolved")]
    Unresolved(#[source] io::Error),
}

impl Error {
    /// Tells whether the same dial may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Forbidden(_) => false,
            Self::Unreachable(_) => true,
            Self::Unresolved(cause) => cause.kind() != io::ErrorKind::NotFound,
        }
    }
}

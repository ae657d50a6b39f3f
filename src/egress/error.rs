//! What can go wrong between a URL and an open connection.
//!
//! The texts reach clients and hold no address. The details stay in the error's source, for the log.

use std::{error, io, iter};

use rustix::io::Errno;

use super::Refusal;

/// A dial that led to no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no room for another connection, which says nothing of the host.
    #[error("the service has no room for another connection")]
    Exhausted(#[source] io::Error),
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
            Self::Exhausted(_) | Self::Unreachable(_) => true,
            Self::Unresolved(cause) => cause.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Reads why no connection was made.
    pub(super) fn of_connect(cause: io::Error) -> Error {
        if is_own(&cause) { Error::Exhausted(cause) } else { Error::Unreachable(cause) }
    }

    /// Reads why a name was not resolved: that takes files and sockets, too.
    pub(super) fn of_lookup(cause: io::Error) -> Error {
        if is_own(&cause) { Error::Exhausted(cause) } else { Error::Unresolved(cause) }
    }
}

/// Whether this machine lacks what a connection takes: open files, memory.
fn is_own(cause: &io::Error) -> bool {
    let first: &(dyn error::Error + 'static) = cause;
    let codes = iter::successors(Some(first), |cause| cause.source())
        .filter_map(|cause| Errno::from_io_error(cause.downcast_ref()?));
    codes.into_iter().any(|code| matches!(code, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

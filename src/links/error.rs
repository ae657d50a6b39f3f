//! What keeps a link from being made or used.

use std::time::Duration;

use crate::state;

/// Why links do not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What is stored is not what was sealed under this token, or cannot be sealed: a fault of ours or of the store.
    #[error("the link's record is damaged")]
    Damaged,
    /// As many links are kept as may be.
    #[error("as many links are kept as the service may keep")]
    Full,
    /// The link never was, has expired, or was removed.
    #[error("there is no such link: it never was, has expired or was deleted")]
    NotFound,
    /// As many links of this client are kept as may be.
    #[error("as many links of this client are kept as it may have")]
    ShareExceeded {
        /// The most links that a client may have.
        limit: usize,
        /// Time until the oldest of them ends; none where this one is more than all of them may be together.
        retry_after: Option<Duration>,
    },
    /// Where links are kept is out of reach.
    #[error(transparent)]
    Unavailable(#[from] state::Error),
}

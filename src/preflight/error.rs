//! Why a file, or the whole, would keep a download from being made.

use crate::{descriptor, fetch, plan};

/// What is wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The source is not what was declared.
    #[error(transparent)]
    Mismatch(#[from] descriptor::Mismatch),
    /// As many validations as the process may make are being made.
    #[error("the service is making as many validations as it may")]
    Overloaded,
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] fetch::Error),
    /// The sources are larger than the client may have in one archive.
    #[error(transparent)]
    TooLarge(#[from] plan::TooLarge),
    /// The descriptor is not legal there.
    #[error("{}", .0.detail)]
    Violation(descriptor::Violation),
}

impl Error {
    /// What is said of a source that a download leaves out for it, where it may; `None` where it is refused all the same.
    pub(super) fn as_skipped(&self) -> Option<plan::Skipped> {
        let code = match self {
            Error::Mismatch(_) => descriptor::Mismatch::CODE,
            Error::Source(fetch::Error::Exhausted | fetch::Error::Forbidden { redirected: false, .. }) => {
                return None;
            }
            Error::Source(error) => error.code(),
            Error::Overloaded | Error::TooLarge(_) | Error::Violation(_) => return None,
        };
        Some(plan::Skipped { code, detail: self.to_string() })
    }
}

//! What the operators are told of links: how often they are made, used and removed, and what comes of it. Never a token.

use super::Error;

/// The series of what is asked of links.
const REQUESTS: &str = "zipstream_link_requests_total";

/// What is asked of links.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// To be found, by whoever has a token.
    Find,
    /// To be made.
    Mint,
    /// To be removed.
    Remove,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Action::Find => "find",
            Action::Mint => "mint",
            Action::Remove => "remove",
        }
    }
}

/// Makes the series stand at zero, so that the first event is seen as an increase.
pub(super) fn register() {
    for action in [Action::Find, Action::Mint, Action::Remove] {
        for outcome in ["done", "unavailable"] {
            metrics::counter!(REQUESTS, "action" => action.as_str(), "outcome" => outcome).absolute(0);
        }
    }
}

/// Counts what came of an action.
pub(super) fn counted<T>(action: Action, outcome: Result<T, Error>) -> Result<T, Error> {
    let word = match &outcome {
        Ok(_) => "done",
        Err(Error::Damaged) => "damaged",
        Err(Error::Full) => "full",
        Err(Error::NotFound) => "not_found",
        Err(Error::ShareExceeded { .. }) => "share_exceeded",
        Err(Error::Unavailable(_)) => "unavailable",
    };
    metrics::counter!(REQUESTS, "action" => action.as_str(), "outcome" => word).increment(1);
    outcome
}

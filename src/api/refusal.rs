//! Why an archive that was asked for does not begin.

use super::Problem;
use crate::{archive, links};

/// What stood in an archive's way.
#[derive(Debug)]
pub enum Refusal {
    /// The archive itself: its sources, its size.
    Archive(archive::Failure),
    /// The link it was asked for by.
    Link(links::Error),
}

impl Refusal {
    /// Whether there is no room for it now, and nothing was done.
    pub(super) fn is_overload(&self) -> bool {
        matches!(self, Refusal::Archive(archive::Failure { reason: archive::Reason::Overloaded, .. }))
    }
}

impl From<archive::Failure> for Refusal {
    fn from(failure: archive::Failure) -> Refusal {
        Refusal::Archive(failure)
    }
}

impl From<links::Error> for Refusal {
    fn from(error: links::Error) -> Refusal {
        Refusal::Link(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Archive(failure) => failure.into(),
            // Its outcome is in the log.
            Refusal::Link(error) => Problem::of_link(&error),
        }
    }
}

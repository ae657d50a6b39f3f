//! How many files the process may hold open: every client and every source is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. The soft limit of most systems, 1,024, is kept low for programs
/// that use `select`; this one does not.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, limit = limit.current, "the limit of open files cannot be raised");
    }
}

//! How many files the process may hold open: every client and every source is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, and warns where that is less than are wanted. The soft limit of most systems,
/// 1,024, is kept low for programs that use `select`; this one does not.
pub fn raise_open_files(wanted: usize) {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < wanted as u64) {
        let limit = limit.maximum;
        tracing::warn!(
            limit,
            wanted,
            "fewer files may be open than clients and sources may need: raise the limit"
        );
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, limit = limit.current, "the limit of open files cannot be raised");
    }
}

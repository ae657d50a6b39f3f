//! What every request needs: made once by `app`, shared by all.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Config, Problem};
use crate::{archive, egress};

/// The areas behind the API.
pub struct State {
    /// Makes archives.
    pub archives: archive::Archives,
    /// Settings.
    pub config: Config,
    /// Cancelled when the process is about to end.
    pub draining: CancellationToken,
    /// Judges the URLs of descriptors.
    pub policy: Arc<egress::Policy>,
}

impl State {
    /// Refuses new work while the process ends.
    ///
    /// # Errors
    /// `draining`, from the signal on.
    pub fn admit(&self) -> Result<(), Problem> {
        if self.draining.is_cancelled() { Err(Problem::draining()) } else { Ok(()) }
    }
}

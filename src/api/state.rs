//! What every request needs: made once by `app`, shared by all.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Bodies, Config, Problem};
use crate::{archive, egress, limits, links, preflight, state};

/// Writes the numbers down for Prometheus.
pub type Renderer = Arc<dyn Fn() -> String + Send + Sync>;

/// The areas behind the API.
pub struct State {
    /// Makes archives.
    pub archives: archive::Archives,
    /// Room for the bodies of requests.
    pub bodies: Bodies,
    /// Settings.
    pub config: Config,
    /// Cancelled when the process is about to end.
    pub draining: CancellationToken,
    /// Knows clients and holds their limits.
    pub limits: limits::Limits,
    /// Descriptors that wait for whoever has their token.
    pub links: links::Links,
    /// Writes the numbers down, where they are served here.
    pub metrics: Option<Renderer>,
    /// Judges the URLs of descriptors.
    pub policy: Arc<egress::Policy>,
    /// Makes validations.
    pub preflight: preflight::Preflight,
    /// What nodes share, where it is configured.
    pub shared: Option<state::Redis>,
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

//! The composition root: builds every area from the configuration and hands the API what it needs.
//!
//! Nothing below builds its own dependencies; a test puts its own way of connecting in here.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use futures_util::FutureExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::{api, archive, budget, config::Config, egress, fetch};

/// A service that is ready to be served.
pub struct App {
    /// The bytes that archives hold ahead.
    pub budget: Arc<budget::Budget>,
    /// To be cancelled when the process is about to end: from then on new archives are refused.
    pub draining: CancellationToken,
    /// The interface.
    pub router: Router,
}

/// What tests put in place of the real thing.
#[derive(Clone, Default)]
pub struct Overrides {
    /// How sources are connected to.
    pub connect: Option<egress::Connect>,
}

impl App {
    /// Builds the service that is reached at the addresses `listen`.
    ///
    /// # Errors
    /// When something that the configuration names cannot be had, such as a file of certificates.
    pub fn build(config: &Config, listen: &[SocketAddr], overrides: Overrides) -> Result<App, Error> {
        let draining = CancellationToken::new();
        let public = config.server.public_url.as_ref();
        let public_host =
            public.and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
        let own = egress::Own { listen: listen.to_vec(), public_host };
        let policy = Arc::new(egress::Policy::new(&config.egress, own));
        let connect = overrides.connect.unwrap_or_else(|| Arc::new(|to| TcpStream::connect(to).boxed()));
        let resolver = egress::Resolver::new(&config.egress)?;
        let dialer = egress::Dialer::new(Arc::clone(&policy), resolver, connect);
        let client = fetch::Client::new(config.fetch.clone(), dialer)?;
        let budget = Arc::new(budget::Budget::new(config.archive.prefetch_total.0));
        let ahead = archive::Config { max_archives: config.server.max_archives, ..config.archive.clone() };
        let archives = archive::Archives::new(client, ahead, Arc::clone(&budget));
        let state = api::State { archives, config: config.api(), draining: draining.clone(), policy };
        Ok(App { budget, draining, router: api::router(Arc::new(state)) })
    }
}

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The way to sources.
    #[error("sources cannot be fetched: {0}")]
    Fetch(#[from] fetch::Error),
    /// The way to names.
    #[error("names cannot be resolved: {0}")]
    Resolver(#[from] egress::Error),
}

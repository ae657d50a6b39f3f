//! The composition root: builds every area from the configuration and hands the API what it needs.
//!
//! Nothing below builds its own dependencies; a test puts its own way of connecting in here.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::{api, archive, config::Config, egress, fetch};

/// A service that is ready to be served.
pub struct App {
    /// What makes archives, and knows what they hold.
    pub archives: archive::Archives,
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
        let connect = overrides.connect.unwrap_or_else(egress::direct);
        let resolver = egress::Resolver::new(&config.egress.nameservers)?;
        let dialer = egress::Dialer::new(Arc::clone(&policy), resolver, connect);
        let client = fetch::Client::new(config.fetch.clone(), dialer)?;
        let archives = archive::Archives::new(client, config.archive.clone(), config.server.max_archives);
        let state = api::State {
            archives: archives.clone(),
            config: config.api(),
            draining: draining.clone(),
            policy,
        };
        Ok(App { archives, draining, router: api::router(Arc::new(state)) })
    }
}

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The way to names.
    #[error("egress.nameservers: {0}")]
    Resolver(#[from] egress::Error),
    /// The certificates of sources.
    #[error(transparent)]
    Trust(#[from] fetch::TrustError),
}

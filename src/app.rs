//! The composition root: builds every area from the configuration and hands the API what it needs.
//!
//! Nothing below builds its own dependencies; a test puts its own way of connecting in here.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::{
    api, archive,
    config::{self, Config},
    egress, fetch, limits, links, preflight, state, telemetry,
};

/// A service that is ready to be served.
pub struct App {
    /// What makes archives, and knows what they hold.
    pub archives: archive::Archives,
    /// To be cancelled when the process is about to end: from then on new archives are refused.
    pub draining: CancellationToken,
    /// What knows clients and holds their limits.
    pub limits: limits::Limits,
    /// Links, which may still have to tell of downloads that have ended.
    pub links: links::Links,
    /// The numbers, where they are counted.
    pub metrics: Option<telemetry::Metrics>,
    /// What the operators' own listener serves, where one is configured.
    pub operators: Option<Router>,
    /// The interface.
    pub router: Router,
    /// What nodes share, where that is configured.
    pub shared: Option<state::Redis>,
}

/// What tests put in place of the real thing.
#[derive(Clone, Default)]
pub struct Overrides {
    /// How sources are connected to.
    pub connect: Option<egress::Connect>,
}

/// What turns descriptors into archives: the part of the service that needs no listener.
pub struct Pipeline {
    /// What makes archives.
    pub archives: archive::Archives,
    /// What judges a descriptor's URLs.
    pub policy: Arc<egress::Policy>,
    /// What reads sources.
    client: fetch::Client,
}

impl Pipeline {
    /// Builds it for a process that is reached at the addresses `listen`, which no source may be.
    ///
    /// # Errors
    /// When something that the configuration names cannot be had, such as a file of certificates.
    pub fn build(config: &Config, listen: &[SocketAddr], overrides: Overrides) -> Result<Pipeline, Error> {
        let public = config.server.public_url.as_ref();
        let public_host =
            public.and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
        let own = egress::Own { listen: listen.to_vec(), public_host };
        let policy = Arc::new(egress::Policy::new(&config.egress, own));
        let connect = overrides.connect.unwrap_or_else(egress::direct);
        let resolver = egress::Resolver::new(&config.egress.nameservers)?;
        let dialer = egress::Dialer::new(Arc::clone(&policy), resolver, connect);
        let client = fetch::Client::new(config.fetch.clone(), dialer)?;
        let archives =
            archive::Archives::new(client.clone(), config.archive.clone(), config.server.max_archives);
        Ok(Pipeline { archives, client, policy })
    }
}

impl App {
    /// Builds the service that is reached at the addresses `listen`.
    ///
    /// # Errors
    /// When something that the configuration names cannot be had, such as a file of certificates.
    pub fn build(config: &Config, listen: &[SocketAddr], overrides: Overrides) -> Result<App, Error> {
        let metrics = config.metrics.enabled.then(telemetry::Metrics::install).flatten();
        let draining = CancellationToken::new();
        let Pipeline { archives, client, policy } = Pipeline::build(config, listen, overrides)?;
        let archive::Config { inline_size, probe_files, .. } = config.archive;
        let planning = preflight::Planning { inline_size: inline_size.0, probe_files };
        let config::Server { max_validations, validation_timeout, .. } = config.server;
        let preflight = preflight::Preflight::new(client, planning, max_validations, validation_timeout);
        let shared = config.state.url.as_ref().map(state::Redis::connect).transpose()?;
        let limits = limits::Limits::new(config.limits(), shared.clone());
        let links = links::Links::new(config.links.clone(), shared.clone());
        let renderer = metrics.clone().map(|metrics| renderer(metrics, archives.clone()));
        let (here, apart) = match config.metrics.listen {
            Some(_) => (None, Some(renderer)),
            None => (renderer, None),
        };
        let settings = config.api();
        let state = api::State {
            archives: archives.clone(),
            bodies: api::Bodies::new(&settings),
            config: settings,
            draining: draining.clone(),
            limits: limits.clone(),
            links: links.clone(),
            metrics: here,
            policy,
            preflight,
            shared: shared.clone(),
        };
        let state = Arc::new(state);
        let operators = apart.map(|renderer| api::operators_router(Arc::clone(&state), renderer));
        let router = api::router(state);
        Ok(App { archives, draining, limits, links, metrics, operators, router, shared })
    }
}

/// What writes the numbers down: gauges are set when somebody looks.
fn renderer(metrics: telemetry::Metrics, archives: archive::Archives) -> api::Renderer {
    Arc::new(move || {
        archives.observe();
        metrics.render()
    })
}

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Where nodes meet.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The way to names.
    #[error("egress.nameservers: {0}")]
    Resolver(#[from] egress::Error),
    /// The certificates of sources.
    #[error(transparent)]
    Trust(#[from] fetch::TrustError),
}

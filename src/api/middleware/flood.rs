//! The flood guard: how many requests one client address may send a second, of whatever kind. It stands before
//! everything that costs more than a look into a table; what an answer costs is the matter of quotas.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::response::IntoResponse;
use governor::middleware::NoOpMiddleware;
use http::Request;
use tower_governor::{
    GovernorError, GovernorLayer,
    governor::{GovernorConfigBuilder, SharedRateLimiter},
    key_extractor::KeyExtractor,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    api::{Config, Connection, Flood, Problem, State},
    limits,
};

/// Requests between two sweeps of the table, at least.
const SWEEP: usize = 4096;

/// Puts the guard around routes, unless it is switched off.
pub(crate) fn flood_guard(routes: OpenApiRouter<Arc<State>>, config: &Config) -> OpenApiRouter<Arc<State>> {
    let flood = config.flood;
    let Flood { burst, rate } = flood;
    if rate == 0 {
        return routes;
    }
    let address = Address { proxies: config.proxies.clone(), table: Arc::default() };
    let period = (Duration::from_secs(1) / rate).as_nanos();
    let guard = GovernorConfigBuilder::default()
        .per_nanosecond(u64::try_from(period).unwrap_or(u64::MAX).max(1))
        .burst_size(burst.max(1))
        .key_extractor(address.clone())
        .finish();
    // There is none only for a period or a burst of nothing.
    let Some(guard) = guard else { return routes };
    _ = address.table.limiter.set(Arc::clone(guard.limiter()));
    routes.route_layer(GovernorLayer::new(guard).error_handler(move |error| refuse(error, flood)))
}

/// Answers a request that the guard does not let pass.
fn refuse(error: GovernorError, flood: Flood) -> axum::response::Response {
    match error {
        GovernorError::TooManyRequests { wait_time, .. } => {
            Problem::flooded(wait_time, flood).into_response()
        }
        GovernorError::UnableToExtractKey | GovernorError::Other { .. } => {
            Problem::internal().into_response()
        }
    }
}

/// Counts requests by the network of the client's address.
#[derive(Clone)]
struct Address {
    proxies: limits::Proxies,
    table: Arc<Table>,
}

/// The guard's table, which has to be swept: an address stays in it otherwise.
#[derive(Default)]
struct Table {
    limiter: OnceLock<SharedRateLimiter<IpAddr, NoOpMiddleware>>,
    requests: AtomicUsize,
}

impl Table {
    /// Lets go of addresses that are as good as new, as often as it costs little for each request.
    fn sweep(&self) {
        let Some(limiter) = self.limiter.get() else { return };
        if self.requests.fetch_add(1, Relaxed) >= SWEEP.max(limiter.len()) {
            self.requests.store(0, Relaxed);
            limiter.retain_recent();
        }
    }
}

impl KeyExtractor for Address {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        self.table.sweep();
        // The server puts it there.
        let connection = request.extensions().get::<Connection>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(limits::network(self.proxies.client(connection.peer(), request.headers())))
    }
}

//! What lies around the routes.

mod cors;
mod flood;
mod harden;
mod identify;
mod loop_guard;
mod measure;
mod panic;

use axum::{Router, middleware::from_fn};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};

pub(super) use self::{cors::cors, flood::flood_guard, loop_guard::loop_guard};

/// Puts every layer around the routes, the innermost first.
pub(super) fn around(routes: Router, cors: CorsLayer) -> Router {
    cors::only_preflights(routes.layer(CatchPanicLayer::custom(panic::answer)), cors)
        .layer(from_fn(harden::harden))
        .layer(from_fn(identify::identify))
        .layer(from_fn(measure::measure))
}

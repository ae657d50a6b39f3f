//! The route table.

mod downloads;
mod health;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};

use super::{Problem, State, middleware};

/// All routes, and what is said of all others.
pub(super) fn all() -> Router<Arc<State>> {
    Router::new()
        .route("/api/downloads", post(downloads::create_download))
        .route_layer(from_fn(middleware::loop_guard))
        .route("/healthz", get(health::show_health))
        .route("/readyz", get(health::show_readiness))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
}

//! HTTP: routes, what is read from a request, what is answered.
//!
//! ```text
//! identify ▸ cors ▸ catch panic ▸ route ▸ (loop guard) ▸ handler of ten lines ▸ archive
//! ```
//! The outermost layer names the request and writes problems down, so everything inside only returns them.

mod config;
mod connection;
mod extract;
mod middleware;
mod outcome;
mod problem;
mod request_id;
mod response;
mod routes;
mod state;

use std::sync::Arc;

use axum::Router;

pub use self::{
    config::Config,
    connection::{Connection, Stall},
    outcome::Outcome,
    problem::Problem,
    request_id::RequestId,
    response::{ArchiveBody, Download, Error},
    state::State,
};

/// The whole interface.
pub fn router(state: Arc<State>) -> Router {
    let cors = middleware::cors(&state.config.cors_origins);
    middleware::around(routes::all().with_state(state), cors)
}

//! HTTP: routes, what is read from a request, what is answered.
//!
//! ```text
//! measure ▸ identify ▸ harden ▸ cors ▸ catch panic ▸ route ▸ (flood guard ▸ loop guard) ▸ handler ▸ archive
//! ```
//! `identify` names the request and writes problems down, so everything inside only returns them.

mod bodies;
mod condition;
mod config;
mod connection;
mod extract;
mod ledger;
mod middleware;
mod openapi;
mod outcome;
mod problem;
mod rate_limit;
mod refusal;
mod request_id;
mod requester;
mod response;
mod routes;
mod state;
mod trace;
mod validation;

use std::sync::Arc;

use axum::{Extension, Router};

use self::{outcome::PROBLEMS, refusal::Refusal, requester::Requester};

pub use self::{
    bodies::Bodies,
    config::{Config, Flood},
    connection::{Connection, Stall},
    outcome::Outcome,
    problem::Problem,
    rate_limit::RateLimit,
    request_id::RequestId,
    response::{ArchiveBody, Download, Error, Foretold, NotModified},
    state::{Renderer, State},
    trace::TraceId,
};

/// What operators ask, for a listener of their own: the numbers, where they are counted, and whether the process lives.
pub fn operators_router(state: Arc<State>, renderer: Option<Renderer>) -> Router {
    let cors = middleware::cors(&[]);
    middleware::around(routes::of_operators(renderer).with_state(state), cors)
}

/// The whole interface.
pub fn router(state: Arc<State>) -> Router {
    let cors = middleware::cors(&state.config.cors_origins);
    outcome::register();
    let (routes, document) = routes::all(&state.config);
    let written = openapi::Written::new(document);
    let routes = routes.layer(Extension(written)).with_state(state);
    middleware::around(routes, cors)
}

//! The route table, from which the interface's description is made too.

mod downloads;
mod health;
mod links;
mod metrics;
mod validations;

use std::sync::Arc;

use axum::{Router, middleware::from_fn, routing::get};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, REFERRER_POLICY},
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Config, Problem, Renderer, State, middleware, openapi};

pub(super) use self::links::Link;

/// All routes, what is said of all others, and the description.
pub(super) fn all(config: &Config) -> (Router<Arc<State>>, utoipa::openapi::OpenApi) {
    let described = OpenApiRouter::with_openapi(openapi::base())
        .merge(middleware::flood_guard(api(), config))
        .routes(routes!(health::show_health))
        .routes(routes!(health::show_readiness))
        .routes(routes!(metrics::show_metrics))
        .routes(routes!(openapi::show_description));
    let (routes, document) = described.split_for_parts();
    let routes = routes
        .merge(openapi::reader())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed());
    (routes, document)
}

/// The routes of operators. A port that strangers do not reach answers also when they hold all connections of the other.
pub(super) fn of_operators(renderer: Option<Renderer>) -> Router<Arc<State>> {
    let numbers = async move || renderer.as_ref().map(metrics::metrics_answer).ok_or_else(Problem::not_found);
    Router::new()
        .route("/healthz", get(health::show_health))
        .route("/readyz", get(health::show_readiness))
        .route("/metrics", get(numbers))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
}

/// The routes that cost something.
fn api() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(downloads::create_download))
        .routes(routes!(validations::create_validation))
        .merge(of_links())
        .route_layer(from_fn(middleware::loop_guard))
}

/// The routes of links. Their answers are not kept by caches, and a token in a page's address is not passed on.
fn of_links() -> OpenApiRouter<Arc<State>> {
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    OpenApiRouter::new()
        .routes(routes!(links::create_link))
        .routes(routes!(links::download_link, links::describe_link, links::delete_link))
        .routes(routes!(links::show_status))
        .route_layer(fixed(CACHE_CONTROL, "no-store"))
        .route_layer(fixed(REFERRER_POLICY, "no-referrer"))
}

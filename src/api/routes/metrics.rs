//! `GET /metrics`: the numbers, as Prometheus reads them.

use std::sync::Arc;

use axum::{
    extract,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::api::{Problem, Renderer, State, openapi};

/// The text format of Prometheus.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The numbers for Prometheus, where they are not served on a listener of their own.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(openapi::OfMetrics, (status = OK, description = "The text format of Prometheus.", body = String)),
)]
pub(super) async fn show_metrics(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    state.metrics.as_ref().map(metrics_answer).ok_or_else(Problem::not_found)
}

/// The answer to a scrape.
pub(super) fn metrics_answer(renderer: &Renderer) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, renderer()).into_response()
}

//! `GET /healthz` and `/readyz`: whether the process lives, and whether it wants work.

use std::sync::Arc;

use axum::{Json, extract, response::IntoResponse};
use http::{HeaderValue, header::CACHE_CONTROL};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{Problem, State, openapi};

/// The process answers, so it lives; also while it ends.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses(openapi::OfHealth, (status = OK, description = "It lives.", body = Health, example = json!({ "status": "ok" }))),
)]
pub(super) async fn show_health() -> impl IntoResponse {
    ok(Status::Ok)
}

/// What a probe is told.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// How it is.
    status: Status,
}

/// What a probe can be told.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthStatus)]
#[serde(rename_all = "camelCase")]
enum Status {
    /// It takes work, but what nodes share is out of reach.
    Degraded,
    /// It lives.
    Ok,
    /// It takes work.
    Ready,
}

/// The process takes new work.
///
/// Without the shared state it still does, only less well: a node that left its balancer for that would take all others
/// with it.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(openapi::OfReadiness, (status = OK, description = "It takes new work.", body = Health, example = json!({ "status": "ready" }))),
)]
pub(super) async fn show_readiness(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<impl IntoResponse, Problem> {
    state.admit()?;
    let is_degraded = match &state.shared {
        Some(redis) => redis.reach().await.is_err(),
        None => false,
    };
    Ok(ok(if is_degraded { Status::Degraded } else { Status::Ready }))
}

fn ok(status: Status) -> impl IntoResponse {
    ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(Health { status }))
}

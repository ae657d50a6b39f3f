//! `GET /healthz` and `/readyz`: whether the process lives, and whether it wants work.

use std::sync::Arc;

use axum::{Json, extract, response::IntoResponse};
use http::{HeaderValue, header::CACHE_CONTROL};
use serde_json::json;

use crate::api::{Problem, State};

/// The process answers, so it lives; also while it ends.
pub(super) async fn show_health() -> impl IntoResponse {
    ok("ok")
}

/// The process takes new work.
pub(super) async fn show_readiness(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<impl IntoResponse, Problem> {
    state.admit()?;
    Ok(ok("ready"))
}

fn ok(status: &str) -> impl IntoResponse + use<> {
    ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(json!({ "status": status })))
}

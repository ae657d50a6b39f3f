//! A panic while a request is answered: 500 for the client, a line for the operator, and the process goes on.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::api::Problem;

/// The answer to a request that panicked.
pub(super) fn answer(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("?");
    tracing::error!(text, "a request panicked");
    Problem::internal().into_response()
}

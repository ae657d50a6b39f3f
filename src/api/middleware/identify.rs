//! Gives every request its id, and writes problems down.

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{
    HeaderName, HeaderValue, Version,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH},
};
use http_body::Body as _;

use crate::api::{Connection, PROBLEMS, Problem, RequestId, TraceId};

/// The header that names the trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header that carries the id, in both directions.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let trace = headers.get(TRACEPARENT).and_then(TraceId::of);
    let id = RequestId::of(headers.get(X_REQUEST_ID)).within(trace);
    let connection = request.extensions().get::<Connection>().cloned();
    if let Some(connection) = connection.as_ref().filter(|_| request.version() < Version::HTTP_2) {
        connection.note_body(!request.body().is_end_stream());
    }
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(connection) = connection {
            // The request's body may be unread; a close would then take this answer away.
            connection.linger_on_close();
            // And its client would take the connection for one that can be used again (RFC 9112 §9.6).
            if connection.has_unread() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        metrics::counter!(PROBLEMS, "code" => problem.code()).increment(1);
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        *response.body_mut() = Body::from(problem.to_json(&id));
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

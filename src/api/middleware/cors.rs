//! Which pages of other origins may call the API: all, unless configured otherwise. Nothing here relies on
//! cookies, so an open door gives a page nothing that it could not do from its own server.

use std::time::Duration;

use http::{HeaderName, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::api::{RateLimit, response::X_ZIPSTREAM_SKIPPED};

/// How long a browser may remember the answer to a preflight: the longest that Chromium heeds.
const PREFLIGHT_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// The layer for the configured origins.
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    let told = [
        header::ACCEPT_RANGES,
        header::CONTENT_DISPOSITION,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("x-request-id"),
        X_ZIPSTREAM_SKIPPED,
    ];
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(Any)
        // Not `*`, which does not stand for Authorization (Fetch §3.3.4).
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(told.into_iter().chain(RateLimit::HEADERS).collect::<Vec<_>>())
        .max_age(PREFLIGHT_AGE)
}

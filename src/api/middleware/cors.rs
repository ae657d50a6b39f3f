//! Which pages of other origins may call the API: all, unless configured otherwise. Nothing here relies on
//! cookies, so an open door gives a page nothing that it could not do from its own server.

use std::time::Duration;

use axum::{Router, extract::Request, middleware::from_fn};
use http::{HeaderName, Method, header};
use tower::ServiceExt;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::api::{RateLimit, response::X_ZIPSTREAM_SKIPPED};

/// How long a browser may remember the answer to a preflight: the longest that Chromium heeds.
const PREFLIGHT_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Puts the layer around routes. It would answer every OPTIONS with 200, whatever the path; one that is no preflight
/// (Fetch §3.3.2) is the routes' own business.
pub(super) fn only_preflights(routes: Router, cors: CorsLayer) -> Router {
    let bare = routes.clone();
    let part = from_fn(move |request: Request, next: axum::middleware::Next| {
        let bare = bare.clone();
        async move {
            match is_bare_options(&request) {
                true => bare.oneshot(request).await,
                false => Ok(next.run(request).await),
            }
        }
    });
    routes.layer(cors).layer(part)
}

fn is_bare_options(request: &Request) -> bool {
    let has = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS
        && !(has(header::ORIGIN) && has(header::ACCESS_CONTROL_REQUEST_METHOD))
}

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

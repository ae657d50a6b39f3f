//! The page that shows the description. All of it is compiled in, and its policy forbids it to load anything from elsewhere.

use axum::{
    Router,
    middleware::map_response,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header::CONTENT_SECURITY_POLICY};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::api::Problem;

/// Scripts, styles and images of its own, and questions to this service. The page sets styles from its scripts, and carries
/// its icons as `data:`.
const OWN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Says that something is not there as everywhere else.
async fn told(response: Response) -> Response {
    if response.status().is_client_error() { Problem::not_found().into_response() } else { response }
}

/// The routes of the page.
pub(in crate::api) fn reader<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Its validator is a server of somebody else.
    let config = Config::from("/api/openapi.json").validator_url("none").try_it_out_enabled(true);
    let page: Router<S> = SwaggerUi::new("/docs").config(config).into();
    page.layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, OWN)).layer(map_response(told))
}

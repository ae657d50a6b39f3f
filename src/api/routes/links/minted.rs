//! The answer to whoever made a link.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::LOCATION};
use serde::Serialize;
use utoipa::ToSchema;

use crate::links;

/// A link that was just made.
pub(in crate::api::routes) struct Minted(pub(super) links::Minted);

/// The document of that answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Link {
    /// Where the archive is downloaded, relative to the service.
    download_url: String,
    /// The end of its time (RFC 3339).
    expires_at: String,
    /// Seconds until then.
    expires_in: u64,
    /// What it is reached by. Whoever has it has the archive.
    token: String,
}

impl IntoResponse for Minted {
    fn into_response(self) -> Response {
        let links::Minted { expires_at, expires_in, token } = self.0;
        let token = token.to_text();
        let download_url = format!("/api/downloads/{token}");
        let link = Link {
            download_url: download_url.clone(),
            expires_at: humantime::format_rfc3339_millis(expires_at).to_string(),
            expires_in: expires_in.as_secs(),
            token,
        };
        (StatusCode::CREATED, [(LOCATION, download_url)], Json(link)).into_response()
    }
}

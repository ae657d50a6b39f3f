//! Who sent a request.

use std::sync::Arc;

use axum::{Extension, RequestPartsExt, extract::FromRequestParts};
use http::{header::AUTHORIZATION, request::Parts};

use super::{Connection, Problem, State};
use crate::limits;

/// The client that sent a request, known by its key, or else by its address.
pub(super) struct Requester(pub(super) limits::Client);

impl FromRequestParts<Arc<State>> for Requester {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Requester, Problem> {
        // The server puts it there.
        let connection = parts.extract::<Extension<Connection>>().await.map_err(|_| Problem::internal())?;
        let address = state.config.proxies.client(connection.peer(), &parts.headers);
        let client = state.limits.identify(parts.headers.get(AUTHORIZATION), address)?;
        Ok(Requester(client))
    }
}

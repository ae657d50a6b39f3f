//! `POST /api/downloads`: a descriptor in, its archive out.

use std::sync::Arc;

use axum::{Extension, extract};

use crate::{
    api::{ArchiveBody, Connection, Download, Outcome, Problem, RequestId, State, extract::document},
    descriptor::Descriptor,
};

/// Streams the archive of the descriptor in the request's body. `Range` is not heeded: a POST has none.
pub(super) async fn create_download(
    extract::State(state): extract::State<Arc<State>>,
    Extension(id): Extension<RequestId>,
    connection: Option<Extension<Connection>>,
    request: extract::Request,
) -> Result<Download, Problem> {
    state.admit()?;
    let version = request.version();
    let body = document(request, &state.config).await?;
    let descriptor = Descriptor::parse(&body, state.config.descriptor, &state.policy)?;
    let mut outcome = Outcome::new(id, descriptor.entries.len());
    let archive = state.archives.start(descriptor, state.config.archive).await;
    let archive = archive.inspect_err(|failure| outcome.note_refusal(failure))?;
    let connection = connection.map(|Extension(connection)| connection).unwrap_or_default();
    let disposition = archive.filename.content_disposition();
    let body = ArchiveBody::new(archive.stream, archive.length, version, connection, outcome);
    Ok(Download { body, disposition })
}

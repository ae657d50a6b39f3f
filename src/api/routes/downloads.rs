//! `POST /api/downloads`: a descriptor in, its archive out.

use std::sync::Arc;

use axum::{Extension, extract};

use crate::{
    api::{
        ArchiveBody, Connection, Download, Outcome, Problem, RateLimit, Refusal, RequestId, Requester, State,
        extract::document, openapi,
    },
    archive,
    descriptor::{self, Descriptor},
    limits,
};

/// Streams the archive of a descriptor.
///
/// `Range` is not heeded: a POST has none.
#[utoipa::path(
    post,
    path = "/api/downloads",
    tag = "archives",
    request_body(content = openapi::Descriptor, description = "The files, and where they are.", example = openapi::hello),
    responses(openapi::Archive, openapi::OfArchive),
    security((), ("apiKey" = [])),
)]
pub(super) async fn create_download(
    extract::State(state): extract::State<Arc<State>>,
    Requester(client): Requester,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<Connection>,
    request: extract::Request,
) -> Result<(RateLimit, Download), Problem> {
    state.admit()?;
    client.may(limits::Quota::Archives)?;
    let version = request.version();
    let files = descriptor::Limits { files: client.tier.files };
    let descriptor = Descriptor::parse(&document(request, &state).await?, files, &state.policy)?;
    let permit = state.limits.admit(&client)?;
    let unit = state.limits.spend(&client, limits::Quota::Archives).await?;
    let standing = RateLimit(unit.standing);
    let mut outcome = Outcome::new(id, descriptor.entries.len(), connection.clone());
    let archive = match start(&state.archives, descriptor, &client).await {
        Ok(archive) => archive,
        Err(refusal) => {
            outcome.note_refusal(&refusal);
            return Err(account(&state, &client, unit, refusal).await);
        }
    };
    outcome.note_start(&archive, archive.length, None);
    let (disposition, skipped) = (archive.filename.content_disposition(), archive.known_skipped());
    let body = ArchiveBody::new(archive.stream, archive.length, version, connection, outcome).holding(permit);
    Ok((standing, Download { body, disposition, etag: None, part: None, skipped }))
}

/// Answers a refusal that came after a unit was spent: one for want of room gives it back, for its client is to ask
/// again, here or on another node.
async fn account(state: &State, client: &limits::Client, unit: limits::Unit, refusal: Refusal) -> Problem {
    if refusal.is_overload() {
        state.limits.give_back(client, unit).await;
        return refusal.into();
    }
    Problem::from(refusal).after(RateLimit(unit.standing))
}

/// Begins an archive that nobody planned before.
async fn start(
    archives: &archive::Archives,
    descriptor: Descriptor,
    client: &limits::Client,
) -> Result<archive::Archive, Refusal> {
    let limits = archive::Limits { size: client.tier.archive_size.0 };
    let probed = archives.probe(descriptor, limits, None).await?;
    let facts = probed.facts().clone();
    Ok(probed.plan(facts)?.start(None).await?)
}

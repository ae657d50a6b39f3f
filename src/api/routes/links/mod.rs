//! Links: `POST /api/download-links`, and what can be done with the token that it answers.

mod asked;
mod minted;
mod token;

use std::sync::Arc;

use axum::{Extension, Json, extract, response::NoContent};
use http::{HeaderMap, Version, header::RANGE};

use self::{
    asked::{Asked, Begun},
    minted::Minted,
    token::Token,
};

pub(in crate::api) use self::minted::Link;
use crate::{
    api::{
        ArchiveBody, Connection, Download, Foretold, NotModified, Problem, RateLimit, Refusal, RequestId,
        Requester, State, extract::document, openapi,
    },
    archive, limits, links,
};

/// Makes a link to an archive.
///
/// Stores the descriptor in the request's body and answers what it can be downloaded by. Nothing is fetched.
#[utoipa::path(
    post,
    path = "/api/download-links",
    tag = "links",
    request_body(content = openapi::Descriptor, description = "The files, and where they are.", example = openapi::hello),
    responses(openapi::Minted, openapi::OfMinting),
    security((), ("apiKey" = [])),
)]
pub(super) async fn create_link(
    extract::State(state): extract::State<Arc<State>>,
    Requester(client): Requester,
    request: extract::Request,
) -> Result<(RateLimit, Minted), Problem> {
    state.admit()?;
    client.may(limits::Quota::Archives)?;
    let document = document(request, &state).await?;
    let entries = asked::parse(&document, &client, &state)?.entries.len();
    let descriptor = document.into_bytes();
    let unit = state.limits.spend(&client, limits::Quota::Archives).await?;
    let standing = RateLimit(unit.standing);
    let (client_id, tier_name) = (client.id.clone(), client.tier_name.clone());
    match state.links.mint(&links::Record { client_id, descriptor, entries, tier_name }).await {
        Ok(minted) => Ok((standing, Minted(minted))),
        Err(error) => {
            state.limits.give_back(&client, unit).await;
            Err(error.into())
        }
    }
}

/// Streams the link's archive, or the part of it that `Range` asks for.
///
/// Any number of times until the link's end. A download that has begun goes on after it, and when it breaks it can be
/// gone on with by `Range` until `links.resume_window` after its last byte.
#[utoipa::path(
    get,
    path = "/api/downloads/{token}",
    tag = "links",
    params(openapi::OfToken, openapi::OfCondition, openapi::OfPart),
    responses(openapi::LinkedArchive, openapi::OfLink)
)]
pub(super) async fn download_link(
    extract::State(state): extract::State<Arc<State>>,
    Token(token): Token,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<Connection>,
    version: Version,
    headers: HeaderMap,
) -> Result<Result<Download, NotModified>, Problem> {
    state.admit()?;
    let asked = Asked::find(&state, token, &headers, (id, connection.clone())).await?;
    if let Some(known) = asked.check(&headers)? {
        return Ok(Err(known));
    }
    let permit = asked.admit(&state)?;
    let mut outcome = asked.outcome();
    let begun = asked.begin(&state).await.map_err(Refusal::from);
    let (download, book) = begun.inspect_err(|refusal| outcome.note_refusal(refusal))?;
    outcome.tell(download, Arc::clone(&book));
    let begun = asked.start(&state, &headers, book).await;
    let Begun { archive, forecast, window } = begun.inspect_err(|refusal| outcome.note_refusal(refusal))?;
    outcome.note_start(&archive, forecast.length, window.as_ref());
    let skipped = archive.known_skipped();
    let (disposition, part) = (archive.filename.content_disposition(), window.zip(forecast.length));
    let body = ArchiveBody::new(archive.stream, archive.length, version, connection, outcome).holding(permit);
    Ok(Ok(Download { body, disposition, etag: forecast.etag, part, skipped }))
}

/// Answers the headers of a download.
///
/// Only a link that nobody has used yet has its sources asked for it.
#[utoipa::path(
    head,
    path = "/api/downloads/{token}",
    tag = "links",
    params(openapi::OfToken, openapi::OfCondition),
    responses(openapi::Foretold, openapi::OfLinkHead)
)]
pub(super) async fn describe_link(
    extract::State(state): extract::State<Arc<State>>,
    Token(token): Token,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<Connection>,
    mut headers: HeaderMap,
) -> Result<Result<Foretold, NotModified>, Problem> {
    state.admit()?;
    // Ranges are for GET alone (RFC 9110 §14.2).
    headers.remove(RANGE);
    let asked = Asked::find(&state, token, &headers, (id, connection)).await?;
    if let Some(known) = asked.check(&headers)? {
        return Ok(Err(known));
    }
    let disposition = asked.descriptor.filename.content_disposition();
    let archive::Forecast { etag, length } = asked.foretell(&state).await?;
    Ok(Ok(Foretold { disposition, etag, length }))
}

/// Removes a link.
///
/// What is being downloaded by it goes on.
#[utoipa::path(
    delete,
    path = "/api/downloads/{token}",
    tag = "links",
    params(openapi::OfToken),
    responses(openapi::OfLinkState, (status = NO_CONTENT, description = "It is gone.")),
)]
pub(super) async fn delete_link(
    extract::State(state): extract::State<Arc<State>>,
    Token(token): Token,
) -> Result<NoContent, Problem> {
    state.links.remove(&token).await?;
    Ok(NoContent)
}

/// Tells how the link's latest download is doing.
#[utoipa::path(
    get,
    path = "/api/downloads/{token}/status",
    tag = "links",
    params(openapi::OfToken),
    responses(openapi::OfLinkState, (status = OK, description = "How it is doing.", body = links::Status)),
)]
pub(super) async fn show_status(
    extract::State(state): extract::State<Arc<State>>,
    Token(token): Token,
) -> Result<Json<links::Status>, Problem> {
    Ok(Json(state.links.status(&token).await?))
}

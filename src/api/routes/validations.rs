//! `POST /api/validations`: a descriptor in, what a download of it would be out.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::{Extension, extract};

use crate::{
    api::{
        Problem, RateLimit, RequestId, Requester, State, extract::document, openapi, validation::Validation,
    },
    descriptor::{self, Draft},
    limits, preflight,
};

/// Says what a download would be, without making it.
///
/// Asks the sources of the descriptor in the request's body. It may be invalid in every way but one: what is not a
/// JSON object with a list of files cannot be told apart from something else.
#[utoipa::path(
    post,
    path = "/api/validations",
    tag = "archives",
    request_body(content = openapi::Draft, description = "A descriptor, right or wrong.", example = openapi::hello),
    responses(openapi::Validated, openapi::OfValidation),
    security((), ("apiKey" = [])),
)]
pub(super) async fn create_validation(
    extract::State(state): extract::State<Arc<State>>,
    Requester(client): Requester,
    Extension(id): Extension<RequestId>,
    request: extract::Request,
) -> Result<(RateLimit, Validation), Problem> {
    state.admit()?;
    client.may(limits::Quota::Validations)?;
    let files = descriptor::Limits { files: client.tier.files };
    let draft = Draft::survey(&document(request, &state).await?, files, &state.policy)?;
    let _place = state.limits.admit_validation(&client)?;
    let permit = state.preflight.admit()?;
    let unit = state.limits.spend(&client, limits::Quota::Validations).await?;
    let limits = preflight::Limits { size: client.tier.archive_size.0 };
    let begun = Instant::now();
    let report = state.preflight.check(permit, draft, limits, SystemTime::now()).await;
    let validation = Validation::from(report);
    validation.log(&id, begun.elapsed());
    Ok((RateLimit(unit.standing), validation))
}

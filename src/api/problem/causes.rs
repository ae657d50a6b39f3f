//! What the areas' errors are to the client: each variant has a code of its own, and its status.

use http::StatusCode;

use super::{Part, Problem};
use crate::{api::RateLimit, archive, descriptor, fetch, limits, links, plan, preflight};

impl From<descriptor::Violation> for Part {
    fn from(violation: descriptor::Violation) -> Part {
        Part { pointer: violation.pointer, code: violation.code.as_str(), detail: violation.detail }
    }
}

impl From<descriptor::Violations> for Problem {
    /// The first violation gives the code, all are listed.
    fn from(violations: descriptor::Violations) -> Problem {
        let errors: Vec<Part> = violations.into_iter().map(Part::from).collect();
        let code = errors.first().map_or("invalid_descriptor", |first| first.code);
        let detail = match errors.as_slice() {
            [one] => one.detail.clone(),
            [first, rest @ ..] => format!("{} (and {} more)", first.detail, rest.len()),
            [] => String::new(),
        };
        Problem { errors, ..Problem::new(StatusCode::BAD_REQUEST, code, detail) }
    }
}

impl From<archive::Failure> for Problem {
    fn from(failure: archive::Failure) -> Problem {
        let problem = of_reason(&failure.reason);
        match failure.entry {
            None => problem,
            Some(entry) => {
                let pointer = format!("/files/{}/url", entry.index);
                let detail = format!("files[{}] ({}): {}", entry.index, entry.zip_path, problem.detail);
                let part = Part { pointer, code: problem.code, detail: problem.detail };
                Problem { detail, errors: vec![part], ..problem }
            }
        }
    }
}

impl From<limits::Error> for Problem {
    fn from(error: limits::Error) -> Problem {
        let (status, code, standing) = match error {
            limits::Error::ApiKeyRequired => (StatusCode::UNAUTHORIZED, "api_key_required", None),
            limits::Error::InvalidApiKey => (StatusCode::UNAUTHORIZED, "invalid_api_key", None),
            limits::Error::RateLimited(standing) | limits::Error::TooManyValidations(standing) => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limited", Some(standing))
            }
            limits::Error::TooManyArchives(standing) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_archives", Some(standing))
            }
        };
        let retry = standing.map(|standing| standing.reset.max(1));
        let standing = standing.map(|standing| Box::new(RateLimit(standing)));
        Problem { retry, standing, ..Problem::new(status, code, error.to_string()) }
    }
}

impl From<preflight::Error> for Problem {
    fn from(error: preflight::Error) -> Problem {
        of_preflight(&error)
    }
}

impl From<links::Error> for Problem {
    /// What the service or its store is to blame for is written to the log.
    fn from(error: links::Error) -> Problem {
        match &error {
            links::Error::Damaged | links::Error::Full => tracing::error!(%error, "a link is not served"),
            links::Error::Unavailable(_) => tracing::warn!(%error, "a link is not served"),
            links::Error::NotFound | links::Error::ShareExceeded { .. } => {}
        }
        Problem::of_link(&error)
    }
}

/// What an archive's failure is to the client.
pub(super) fn of_reason(reason: &archive::Reason) -> Problem {
    match reason {
        archive::Reason::Compressor | archive::Reason::Encoder(_) | archive::Reason::NotDivisible => {
            Problem::internal()
        }
        archive::Reason::Mismatch(mismatch) => of_mismatch(mismatch),
        archive::Reason::Overloaded => Problem::overloaded(),
        archive::Reason::Source(error) => of_source(error),
        archive::Reason::TooLarge(too_large) => of_size(too_large),
    }
}

/// What a validation's failure is to the client.
pub(super) fn of_preflight(error: &preflight::Error) -> Problem {
    match error {
        preflight::Error::Mismatch(mismatch) => of_mismatch(mismatch),
        preflight::Error::Overloaded => Problem::overloaded(),
        preflight::Error::Source(error) => of_source(error),
        preflight::Error::TooLarge(too_large) => of_size(too_large),
        preflight::Error::Violation(violation) => {
            Problem::new(StatusCode::BAD_REQUEST, violation.code.as_str(), violation.detail.clone())
        }
    }
}

/// What a source that was declared otherwise is to the client.
fn of_mismatch(mismatch: &descriptor::Mismatch) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, descriptor::Mismatch::CODE, mismatch.to_string())
}

/// What sources that are too large together are to the client.
fn of_size(too_large: &plan::TooLarge) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "archive_too_large", too_large.to_string())
}

/// What a source's failure is to the client.
fn of_source(error: &fetch::Error) -> Problem {
    let status = match error {
        fetch::Error::Exhausted => return Problem::overloaded(),
        fetch::Error::Forbidden { redirected: false, .. } => StatusCode::BAD_REQUEST,
        fetch::Error::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        fetch::Error::Changed(_)
        | fetch::Error::Forbidden { redirected: true, .. }
        | fetch::Error::NoSuchName
        | fetch::Error::Protocol(_)
        | fetch::Error::Lapsed { .. }
        | fetch::Error::Status { .. }
        | fetch::Error::Tls(_)
        | fetch::Error::TooManyRedirects(_)
        | fetch::Error::Truncated
        | fetch::Error::Unproven(_)
        | fetch::Error::Unreachable(_) => StatusCode::BAD_GATEWAY,
    };
    Problem::new(status, error.code(), error.to_string())
}

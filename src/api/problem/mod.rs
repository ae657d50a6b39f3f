//! Every answer that is not a success: a problem document (RFC 9457), and the only place that knows status
//! codes.
//!
//! A problem travels in the response's extensions; `middleware::identify` writes it down once the request's
//! id is known. `type` stays `about:blank`: `code` is what programs read.

mod causes;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use utoipa::ToSchema;

use self::causes::{of_preflight, of_reason};
use super::{Flood, RateLimit, request_id::RequestId};
use crate::{archive, limits, links, preflight};

/// Seconds after which a busy or ending service may be asked again: the time in which a balancer's next
/// look at `/readyz` has sent the client elsewhere.
const RETRY_SECONDS: u64 = 5;

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub struct Problem {
    code: &'static str,
    detail: String,
    errors: Vec<Part>,
    /// Length in octets of what a range was asked of.
    length: Option<u64>,
    /// Seconds after which the request can succeed.
    retry: Option<u64>,
    /// How the client stands with the limit that it met.
    standing: Option<Box<RateLimit>>,
    status: StatusCode,
}

/// One part of the request that is at fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProblemPart)]
pub(super) struct Part {
    /// Where it stands in the request's document (RFC 6901).
    #[schema(example = "/files/0/url")]
    pointer: String,
    /// The word that programs read.
    #[schema(value_type = String)]
    code: &'static str,
    /// What is wrong with it.
    detail: String,
}

/// An answer that is not a success (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(super) struct Document<'a> {
    /// Always `about:blank`: `code` says what it is.
    #[schema(value_type = String)]
    r#type: &'static str,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, where, and what to do.
    #[schema(value_type = String)]
    detail: &'a str,
    /// The word that programs read.
    #[schema(value_type = String)]
    code: &'static str,
    /// The request's id, as in `X-Request-Id` and the service's log.
    #[schema(value_type = String)]
    request_id: &'a str,
    /// Everything that is wrong with the request's document, in its order.
    #[schema(value_type = Vec<Part>, required = false)]
    #[serde(skip_serializing_if = "<[Part]>::is_empty")]
    errors: &'a [Part],
}

impl Problem {
    /// The client was too slow with its body.
    pub fn body_timeout() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the request's body did not arrive in time")
    }

    /// The request's body is longer than `limit` octets.
    pub fn body_too_large(limit: usize) -> Problem {
        let detail = format!("the request's body is longer than {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// A link that no client could ever have.
    fn link_too_large() -> Problem {
        let detail = "the descriptor, and 512 bytes for each of its files, are more than all links of a client may measure";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// The request's body broke off or is not framed as HTTP says.
    pub fn broken_body() -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the request's body broke off")
    }

    /// The process ends and takes no new work.
    pub fn draining() -> Problem {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "the service is shutting down");
        Problem { retry: Some(RETRY_SECONDS), ..problem }
    }

    /// One address sends more requests than it may; there may be another in so many seconds.
    pub fn flooded(seconds: u64, guard: Flood) -> Problem {
        let detail = "this address sends more requests a second than it may";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        // Of less than a second no client could make anything.
        let reset = seconds.max(1);
        let Flood { burst, rate } = guard;
        let window = Some(burst.div_ceil(rate.max(1)).into());
        let standing =
            limits::Standing { policy: "requests", limit: burst.into(), remaining: 0, reset, window };
        Problem { retry: Some(reset), ..problem }.after(RateLimit(standing))
    }

    /// A fault of ours.
    pub fn internal() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the service failed; the log knows more",
        )
    }

    /// The request came from this service: a source that leads back to it.
    pub fn looped() -> Problem {
        let detail = "the request was sent by this service itself, as its Via header says";
        Problem::new(StatusCode::BAD_REQUEST, "forbidden_url", detail)
    }

    /// There is no such link, for whatever reason: it never was, has expired or was deleted.
    pub fn link_not_found() -> Problem {
        let detail = links::Error::NotFound.to_string();
        Problem::new(StatusCode::NOT_FOUND, "link_not_found", detail)
    }

    /// The path is known, the method is not.
    pub fn method_not_allowed() -> Problem {
        let detail = "this path does not know that method; Allow lists those it knows";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// The path is not known.
    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
    }

    /// Some limit of the process is reached.
    pub fn overloaded() -> Problem {
        let detail = "the service is at its limit; try again shortly";
        Problem {
            retry: Some(RETRY_SECONDS),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
        }
    }

    /// A client has as many links as it may have, until the oldest ends.
    fn too_many_links(error: &links::Error, limit: usize, retry_after: Duration) -> Problem {
        let reset = u64::try_from(retry_after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        let standing =
            limits::Standing { policy: "links", limit: limit as u64, remaining: 0, reset, window: None };
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", error.to_string());
        Problem { retry: Some(reset), standing: Some(Box::new(RateLimit(standing))), ..problem }
    }

    /// What nodes share is out of reach.
    fn state_unavailable() -> Problem {
        let detail = "links cannot be looked up at the moment; try again shortly";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "state_unavailable", detail);
        Problem { retry: Some(RETRY_SECONDS), ..problem }
    }

    /// The archive is not the one that the request is about (`If-Match`).
    pub fn precondition_failed() -> Problem {
        let detail = "the link's archive is not the one that If-Match names";
        Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// The range that is asked for begins behind the archive's end, at `length`.
    pub fn range_not_satisfiable(length: u64) -> Problem {
        let detail = format!("the range begins behind the archive's end; it has {length} bytes");
        let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", detail);
        Problem { length: Some(length), ..problem }
    }

    /// No download of the link's archive can be whole any more.
    pub(super) fn of_fault(fault: links::Failure) -> Problem {
        let code = if fault.code == "source_changed" { "source_changed" } else { "source_mismatch" };
        Problem::new(StatusCode::BAD_GATEWAY, code, fault.detail)
    }

    /// The body's type or coding is not read here.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// The code under which a failure is known, also when it can no longer be answered.
    pub fn code_of(reason: &archive::Reason) -> &'static str {
        of_reason(reason).code
    }

    /// The code and the words under which a file's fault is known, also when it is not answered as a problem.
    pub(super) fn words_of(error: &preflight::Error) -> (&'static str, String) {
        let Problem { code, detail, .. } = of_preflight(error);
        (code, detail)
    }

    /// What a link's failure is to the client.
    pub(super) fn of_link(error: &links::Error) -> Problem {
        match error {
            links::Error::Damaged => Problem::internal(),
            links::Error::Full => Problem::overloaded(),
            links::Error::NotFound => Problem::link_not_found(),
            links::Error::ShareExceeded { limit, retry_after: Some(retry_after) } => {
                Problem::too_many_links(error, *limit, *retry_after)
            }
            links::Error::ShareExceeded { retry_after: None, .. } => Problem::link_too_large(),
            links::Error::Unavailable(_) => Problem::state_unavailable(),
        }
    }

    /// The problem of a request that has spent a unit of a quota: it says what is left.
    #[must_use]
    pub(super) fn after(mut self, standing: RateLimit) -> Problem {
        self.standing.get_or_insert(Box::new(standing));
        self
    }

    /// The whole answer on the wire, for a connection that is refused before its request is read.
    pub fn to_http1(&self, id: &RequestId) -> Vec<u8> {
        let (status, body) = (self.status, self.to_json(id));
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {TYPE}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nretry-after: {RETRY_SECONDS}\r\n\
             x-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    /// What programs read.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What people read.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The document.
    pub(super) fn to_json(&self, id: &RequestId) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id: id.as_str(),
            errors: &self.errors,
        };
        // Strings and numbers only: nothing in it can fail to be written.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            length: None,
            retry: None,
            standing: None,
            status,
        }
    }
}

/// The media type of problem documents.
const TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
        if let Some(seconds) = self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(standing) = &self.standing {
            standing.set(headers);
        }
        if let Some(Ok(range)) = self.length.map(|length| format!("bytes */{length}").try_into()) {
            headers.insert(CONTENT_RANGE, range);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl Part {
    /// A fault of the place that a JSON pointer (RFC 6901) names.
    pub(super) fn new(pointer: impl Into<String>, (code, detail): (&'static str, String)) -> Part {
        Part { pointer: pointer.into(), code, detail }
    }
}

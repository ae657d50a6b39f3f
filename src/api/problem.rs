//! Every answer that is not a success: a problem document (RFC 9457), and the only place that knows status
//! codes.
//!
//! A problem travels in the response's extensions; `middleware::identify` writes it down once the request's
//! id is known. `type` stays `about:blank`: `code` is what programs read.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;

use super::request_id::RequestId;
use crate::{archive, descriptor, fetch};

/// Seconds after which a busy or ending service may be asked again: the time in which a balancer's next
/// look at `/readyz` has sent the client elsewhere.
const RETRY_SECONDS: u16 = 5;

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub struct Problem {
    code: &'static str,
    detail: String,
    errors: Vec<Part>,
    retry: bool,
    status: StatusCode,
}

/// One part of the request that is at fault.
#[derive(Clone, Debug, Serialize)]
struct Part {
    pointer: String,
    code: &'static str,
    detail: String,
}

/// The document as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
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

    /// The request's body broke off or is not framed as HTTP says.
    pub fn broken_body() -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the request's body broke off")
    }

    /// The process ends and takes no new work.
    pub fn draining() -> Problem {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "the service is shutting down");
        Problem { retry: true, ..problem }
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
        Problem { retry: true, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail) }
    }

    /// The body's type or coding is not read here.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// The code under which a failure is known, also when it can no longer be answered.
    pub fn code_of(reason: &archive::Reason) -> &'static str {
        of_reason(reason).code
    }

    /// The whole answer on the wire, for a connection that is refused before its request is read.
    pub fn to_http1(&self, id: &RequestId) -> Vec<u8> {
        let (status, body) = (self.status, self.to_json(id));
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {TYPE}\r\ncache-control: no-store\r\nretry-after: {RETRY_SECONDS}\r\n\
             x-request-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
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
        Problem { code, detail: detail.into(), errors: Vec::new(), retry: false, status }
    }
}

/// The media type of problem documents.
const TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
        if self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<descriptor::Violations> for Problem {
    /// The first violation gives the code, all are listed.
    fn from(violations: descriptor::Violations) -> Problem {
        let part = |violation: descriptor::Violation| {
            let code = violation.code.as_str();
            Part { pointer: violation.pointer, code, detail: violation.detail }
        };
        let errors: Vec<Part> = violations.into_iter().map(part).collect();
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

/// What an archive's failure is to the client.
fn of_reason(reason: &archive::Reason) -> Problem {
    let detail = reason.to_string();
    match reason {
        archive::Reason::Compressor | archive::Reason::Encoder(_) => Problem::internal(),
        archive::Reason::Mismatch { .. } => Problem::new(StatusCode::BAD_GATEWAY, "source_mismatch", detail),
        archive::Reason::Overloaded => Problem::overloaded(),
        archive::Reason::Source(error) => {
            let (status, code) = of_source(error);
            Problem::new(status, code, detail)
        }
        archive::Reason::TooLarge { .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "archive_too_large", detail)
        }
    }
}

/// What a source's failure is to the client.
fn of_source(error: &fetch::Error) -> (StatusCode, &'static str) {
    match error {
        fetch::Error::Changed(_) => (StatusCode::BAD_GATEWAY, "source_changed"),
        fetch::Error::Forbidden { redirected: true, .. } => (StatusCode::BAD_GATEWAY, "forbidden_url"),
        fetch::Error::Forbidden { redirected: false, .. } => (StatusCode::BAD_REQUEST, "forbidden_url"),
        fetch::Error::Protocol(_) => (StatusCode::BAD_GATEWAY, "source_protocol"),
        fetch::Error::Status { .. } => (StatusCode::BAD_GATEWAY, "source_status"),
        fetch::Error::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "source_timeout"),
        fetch::Error::Tls(_) => (StatusCode::BAD_GATEWAY, "source_tls"),
        fetch::Error::TooManyRedirects(_) => (StatusCode::BAD_GATEWAY, "too_many_redirects"),
        fetch::Error::Truncated => (StatusCode::BAD_GATEWAY, "source_truncated"),
        fetch::Error::Unreachable(_) => (StatusCode::BAD_GATEWAY, "source_unreachable"),
    }
}

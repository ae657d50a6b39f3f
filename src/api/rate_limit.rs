//! How a client stands with a limit, in headers: those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10),
//! and the older ones that most clients know.

use std::convert::Infallible;

use axum::response::{IntoResponseParts, ResponseParts};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::Standing;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// A standing, to be put before an answer: `(RateLimit(standing), answer)`.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit(pub Standing);

impl RateLimit {
    /// The headers that it sets.
    pub const HEADERS: [HeaderName; 5] =
        [RATELIMIT, RATELIMIT_POLICY, X_RATELIMIT_LIMIT, X_RATELIMIT_REMAINING, X_RATELIMIT_RESET];

    /// Sets the headers. Times are seconds from now.
    pub(super) fn set(&self, headers: &mut HeaderMap) {
        let Standing { policy, limit, remaining, reset, window } = self.0;
        let window = window.map(|seconds| format!(";w={seconds}")).unwrap_or_default();
        let values = [
            HeaderValue::try_from(format!("\"{policy}\";r={remaining};t={reset}")),
            HeaderValue::try_from(format!("\"{policy}\";q={limit}{window}")),
            Ok(HeaderValue::from(limit)),
            Ok(HeaderValue::from(remaining)),
            Ok(HeaderValue::from(reset)),
        ];
        for (name, value) in RateLimit::HEADERS.into_iter().zip(values) {
            // A policy's name is a word of ours.
            _ = value.map(|value| headers.insert(name, value));
        }
    }
}

impl IntoResponseParts for RateLimit {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.set(response.headers_mut());
        Ok(response)
    }
}

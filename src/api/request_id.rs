//! The name of a request, by which a client's report and our log lines meet.

use std::fmt;

use http::HeaderValue;
use uuid::Uuid;

use super::trace::TraceId;

/// A request's id: the client's own, when it is sane, else a new one; and the trace it is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    text: String,
    trace: Option<TraceId>,
}

/// Longest id taken from a client, in octets.
const LONGEST: usize = 128;

impl RequestId {
    /// A new id. UUIDv7 sorts by time.
    pub fn new() -> RequestId {
        RequestId { text: Uuid::now_v7().to_string(), trace: None }
    }

    /// The client's id, or a new one when there is none or it could harm a log line.
    pub fn of(header: Option<&HeaderValue>) -> RequestId {
        let sane = |text: &&str| {
            (1..=LONGEST).contains(&text.len())
                && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.:+/=".contains(&octet))
        };
        match header.and_then(|value| value.to_str().ok()).filter(sane) {
            Some(text) => RequestId { text: text.to_owned(), trace: None },
            None => RequestId::new(),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same id within a trace.
    pub(super) fn within(self, trace: Option<TraceId>) -> RequestId {
        RequestId { trace, ..self }
    }

    /// The trace that the request is part of, if its caller named one.
    pub fn trace(&self) -> Option<&TraceId> {
        self.trace.as_ref()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        RequestId::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept() {
        let header = HeaderValue::from_static("trace-01:a/b");
        assert_eq!(RequestId::of(Some(&header)).as_str(), "trace-01:a/b");
    }

    #[test]
    fn an_odd_id_is_replaced() {
        for odd in ["", "a b", "x\u{e9}", &"a".repeat(LONGEST + 1)] {
            let header = HeaderValue::from_bytes(odd.as_bytes()).unwrap();
            let id = RequestId::of(Some(&header));
            assert_eq!(Uuid::parse_str(id.as_str()).unwrap().get_version_num(), 7, "{odd}");
        }
    }
}

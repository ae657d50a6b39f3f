//! The trace that a request belongs to, as its caller says in `traceparent` (W3C Trace Context, level 1).
//!
//! ```text
//! traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//!              │  trace id, 16 octets               parent, 8        flags
//!              version
//! ```
//! Only the trace id is of use here: it goes into the archive's line in the log. It is not handed on to sources, which
//! belong to somebody else.

use std::fmt;

use http::HeaderValue;

/// A trace's id: 32 hexadecimal digits, not all of them zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceId(String);

impl TraceId {
    /// The id in the value of a `traceparent`; `None` where that is not what the standard says (§3.2.2), which is to be
    /// treated like none at all.
    pub fn of(header: &HeaderValue) -> Option<TraceId> {
        let text = header.to_str().ok()?;
        let mut parts = text.split('-');
        let [version, trace, parent, flags] =
            [2, 32, 16, 2].map(|length| parts.next().filter(|part| is_hex(part, length)));
        let (version, trace, parent, _) = (version?, trace?, parent?, flags?);
        // Later versions may add fields; this one has none, and ff is no version.
        let is_long = parts.next().is_some();
        let is_zero = |part: &str| part.bytes().all(|digit| digit == b'0');
        let is_broken = version == "ff" || (version == "00" && is_long) || is_zero(trace) || is_zero(parent);
        (!is_broken).then(|| TraceId(trace.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// Whether a part is so many lower-case hexadecimal digits.
fn is_hex(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(text: &str) -> Option<String> {
        TraceId::of(&HeaderValue::from_str(text).unwrap()).map(|id| id.to_string())
    }

    #[test]
    fn the_trace_of_a_lawful_header_is_taken() {
        for lawful in
            ["00-T-00f067aa0ba902b7-01", "00-T-00f067aa0ba902b7-00", "cc-T-00f067aa0ba902b7-01-more"]
        {
            assert_eq!(read(&lawful.replace('T', TRACE)).as_deref(), Some(TRACE), "{lawful}");
        }
    }

    #[test]
    fn anything_else_is_no_trace() {
        let zeros = "0".repeat(32);
        for other in [
            "",
            TRACE,
            "00-T-00f067aa0ba902b7",
            "00-T-00f067aa0ba902b7-01-",
            "00-T-0000000000000000-01",
            "00-T-00f067aa0ba902b7-1",
            "ff-T-00f067aa0ba902b7-01",
            "0-T-00f067aa0ba902b7-01",
            "00-T0-00f067aa0ba902b7-01",
            &format!("00-{zeros}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
        ] {
            assert_eq!(read(&other.replace('T', TRACE)), None, "{other}");
        }
    }
}

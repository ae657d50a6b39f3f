//! Headers that a client wants sent to a source.
//!
//! What steers the connection, the message or the fetch itself is refused: `Range` and conditions belong to
//! resuming, `Host` to the egress policy. Everything else, credentials and cookies included, is the client's own.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Error;
use super::pointer::Pointer;
use super::raw::{Node, Value};
use super::violation::Report;

/// The most octets of all header lines of a source: what common servers accept of a whole request.
const MAX_OCTETS: usize = 8192;

/// What a header line has beside name and value: `: ` and the line end.
const LINE_OVERHEAD: usize = 4;

/// Headers that are never taken from a client, in lower case.
const FORBIDDEN: [&str; 16] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// Beginnings of header names that are never taken from a client: conditions, and what proxies say to each other and of
/// whom they ask for.
const FORBIDDEN_PREFIXES: [&str; 3] = ["if-", "proxy-", "x-forwarded-"];

/// Reads the headers of a file and reports those that cannot be sent.
pub(super) fn parse(node: &Node<'_>, at: Pointer<'_>, report: &mut Report) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Value::Object(members) = &node.value else {
        report.add(node.order, at, &Error::Type { expected: "an object of strings", found: node.kind() });
        return headers;
    };
    let mut keys = HashSet::new();
    let mut octets = 0;
    for (key, value) in members {
        octets += key.len() + value.as_str().unwrap_or_default().len() + LINE_OVERHEAD;
        if octets > MAX_OCTETS {
            report.add(value.order, at, &Error::HeadersTooLong { limit: MAX_OCTETS });
            break;
        }
        let added = match keys.insert(key.as_ref()) {
            true => add(&mut headers, key, value),
            false => Err(Error::DuplicateKey),
        };
        if let Err(error) = added {
            report.add(value.order, at.key(key), &error);
        }
    }
    headers
}

/// Adds a header.
fn add(headers: &mut HeaderMap, key: &str, value: &Node<'_>) -> Result<(), Error> {
    let name = HeaderName::from_bytes(key.as_bytes()).map_err(|_| Error::HeaderName)?;
    let forbidden = FORBIDDEN.contains(&name.as_str())
        || FORBIDDEN_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    if forbidden {
        return Err(Error::HeaderForbidden);
    }
    let Some(text) = value.as_str() else {
        return Err(Error::Type { expected: "a string", found: value.kind() });
    };
    if !text.is_ascii() || text.trim().len() != text.len() {
        return Err(Error::HeaderValue);
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::HeaderValue)?;
    value.set_sensitive(true);
    if headers.insert(name, value).is_some() { Err(Error::HeaderTwice) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Code;

    /// Parses headers and returns them with the code and pointer of the first violation.
    fn read(json: &str) -> (HeaderMap, Option<(Code, String)>) {
        let mut report = Report::default();
        let headers =
            parse(&Node::parse(json.as_bytes()).unwrap(), Pointer::Root.key("headers"), &mut report);
        let first = report.finish(Some(())).err().map(|all| (all.first().code, all.first().pointer.clone()));
        (headers, first)
    }

    #[test]
    fn takes_the_clients_own_headers() {
        let (headers, first) = read(r#"{"Authorization":"Bearer x","Cookie":"a=b; c=d","X-Empty":""}"#);
        assert_eq!((headers.len(), first), (3, None));
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }

    #[test]
    fn refuses_the_rest() {
        for (json, code, pointer) in [
            (r#"{"HOST":"a"}"#, Code::InvalidHeader, "/headers/HOST"),
            (r#"{"If-None-Match":"*"}"#, Code::InvalidHeader, "/headers/If-None-Match"),
            (r#"{"Proxy-Anything":"a"}"#, Code::InvalidHeader, "/headers/Proxy-Anything"),
            (r#"{"Proxy":"a"}"#, Code::InvalidHeader, "/headers/Proxy"),
            (r#"{"Forwarded":"for=a"}"#, Code::InvalidHeader, "/headers/Forwarded"),
            (r#"{"X-Forwarded-For":"a"}"#, Code::InvalidHeader, "/headers/X-Forwarded-For"),
            (r#"{"X-Forwarded-Host":"a"}"#, Code::InvalidHeader, "/headers/X-Forwarded-Host"),
            (r#"{"x-forwarded-proto":"a"}"#, Code::InvalidHeader, "/headers/x-forwarded-proto"),
            (r#"{"X-Real-IP":"a"}"#, Code::InvalidHeader, "/headers/X-Real-IP"),
            (r#"{"a":"1","A":"2"}"#, Code::InvalidHeader, "/headers/A"),
            (r#"{"a":"1","a":"2"}"#, Code::DuplicateKey, "/headers/a"),
            (r#"{"a/b":"1"}"#, Code::InvalidHeader, "/headers/a~1b"),
            (r#"{"":"1"}"#, Code::InvalidHeader, "/headers/"),
            (r#"{"a":"1\r\nb: 2"}"#, Code::InvalidHeader, "/headers/a"),
            (r#"{"a":" 1"}"#, Code::InvalidHeader, "/headers/a"),
            (r#"{"a":"é"}"#, Code::InvalidHeader, "/headers/a"),
            (r#"{"a":1}"#, Code::InvalidDescriptor, "/headers/a"),
            ("[]", Code::InvalidDescriptor, "/headers"),
            (&format!(r#"{{"a":"{}"}}"#, "x".repeat(8188)), Code::InvalidHeader, "/headers"),
        ] {
            assert_eq!(read(json).1, Some((code, pointer.to_owned())), "{json}");
        }
    }
}

//! Reads the document of a request: its type, its length, its octets.
//!
//! Lenient on types, because `curl -d` says `application/x-www-form-urlencoded` and browsers send
//! `text/plain` to be spared a preflight; strict on everything that costs memory or time.

use std::ops::Deref;

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::{Connection, Problem, State, bodies::Share};

/// The document of a request. It counts among the bodies that are being read until it is dropped: once it is parsed.
pub(super) struct Document {
    octets: Vec<u8>,
    share: Share,
}

impl Document {
    /// Keeps the octets, and counts them no more.
    pub(super) fn into_bytes(self) -> Bytes {
        self.octets.into_boxed_slice().into()
    }

    /// Adds octets, `limit` in all at most.
    fn extend(&mut self, data: &[u8], limit: usize) -> Result<(), Problem> {
        let length = self.octets.len() + data.len();
        if length > limit {
            return Err(Problem::body_too_large(limit));
        }
        let capacity = self.octets.capacity();
        if length > capacity {
            let capacity = length.max(2 * capacity).min(limit);
            self.share.grow(capacity)?;
            // Exactly what is counted.
            self.octets.reserve_exact(capacity - self.octets.len());
        }
        self.octets.extend_from_slice(data);
        Ok(())
    }
}

impl Deref for Document {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

/// Reads the whole body of a request that is to hold a JSON document.
///
/// # Errors
/// `unsupported_media_type`; `body_too_large`, before a single octet is read when the length is announced
/// (a client that waits for `100 Continue` never gets one); `overloaded` when the bodies of all requests need more than
/// there is for them; `body_timeout`; `invalid_json` when it breaks off.
pub(super) async fn document(request: Request, state: &State) -> Result<Document, Problem> {
    let config = &state.config;
    check_type(request.headers())?;
    let connection = request.extensions().get::<Connection>().cloned();
    let body = request.into_body();
    if body.size_hint().lower() > config.body_limit as u64 {
        return Err(Problem::body_too_large(config.body_limit));
    }
    let document = Document { octets: Vec::new(), share: state.bodies.share() };
    let read = tokio::time::timeout(config.body_timeout, read(body, document, config.body_limit));
    let document = read.await.unwrap_or_else(|_| Err(Problem::body_timeout()))?;
    if let Some(connection) = connection {
        connection.note_body(false);
    }
    Ok(document)
}

/// Reads a body of at most `limit` octets.
async fn read(mut body: Body, mut document: Document, limit: usize) -> Result<Document, Problem> {
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::broken_body())?.into_data() else { continue };
        document.extend(&data, limit)?;
    }
    Ok(document)
}

/// Checks that the body is to be read as it is, and as JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text =
        |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    for coding in headers.get_all(CONTENT_ENCODING) {
        let coding = text(coding);
        if !matches!(coding.as_str(), "" | "identity") {
            return Err(Problem::unsupported_media_type(format!(
                "a body coded as {coding:?} is not read here"
            )));
        }
    }
    // Of two types one reader takes the first and another the last.
    let mut types = headers.get_all(CONTENT_TYPE).iter().map(text);
    let Some(whole) = types.next() else { return Ok(()) };
    if types.next().is_some() {
        return Err(Problem::unsupported_media_type("a body has one Content-Type, not several"));
    }
    let essence = whole.split(';').next().unwrap_or_default().trim();
    match essence {
        "" | "application/json" | "application/x-www-form-urlencoded" | "text/json" | "text/plain" => Ok(()),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(()),
        other => {
            Err(Problem::unsupported_media_type(format!("a body of type {other:?} is not read as JSON")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &'static str, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        check_type(&headers).is_ok()
    }

    #[test]
    fn json_is_read_from_lenient_types() {
        assert!(check_type(&HeaderMap::new()).is_ok());
        for lawful in ["application/json; charset=utf-8", "TEXT/Plain", "application/ld+json", ""] {
            assert!(verdict("content-type", lawful), "{lawful}");
        }
        for other in ["application/xml", "multipart/form-data; boundary=x", "image/+json", "json"] {
            assert!(!verdict("content-type", other), "{other}");
        }
    }

    #[test]
    fn a_body_has_one_type() {
        for types in [["application/json", "application/json"], ["application/json", "text/html"]] {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            assert!(check_type(&headers).is_err(), "{types:?}");
        }
    }

    #[test]
    fn coded_bodies_are_refused() {
        assert!(verdict("content-encoding", "identity"));
        assert!(!verdict("content-encoding", "gzip"));
    }
}

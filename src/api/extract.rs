//! Reads the document of a request: its type, its length, its octets.
//!
//! Lenient on types, because `curl -d` says `application/x-www-form-urlencoded` and browsers send
//! `text/plain` to be spared a preflight; strict on everything that costs memory or time.

use axum::{body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::{Config, Problem};

/// Reads the whole body of a request that is to hold a JSON document.
///
/// # Errors
/// `unsupported_media_type`; `body_too_large`, before a single octet is read when the length is announced
/// (a client that waits for `100 Continue` never gets one); `body_timeout`; `invalid_json` when it breaks off.
pub(super) async fn document(request: Request, config: &Config) -> Result<Bytes, Problem> {
    check_type(request.headers())?;
    let body = request.into_body();
    if body.size_hint().lower() > config.body_limit as u64 {
        return Err(Problem::body_too_large(config.body_limit));
    }
    let read = tokio::time::timeout(config.body_timeout, read(body, config.body_limit));
    read.await.unwrap_or_else(|_| Err(Problem::body_timeout()))
}

/// Reads a body of at most `limit` octets.
async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::broken_body())?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(Problem::body_too_large(limit));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
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
    let Some(whole) = headers.get(CONTENT_TYPE).map(text) else { return Ok(()) };
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
    fn coded_bodies_are_refused() {
        assert!(verdict("content-encoding", "identity"));
        assert!(!verdict("content-encoding", "gzip"));
    }
}

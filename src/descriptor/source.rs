//! Where the bytes of an entry come from.
//!
//! A URL is read by `egress::parse_url`, which refuses what parsers repair, as every `Location` is.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use super::Error;
use super::data_url;
use crate::egress::{self, Policy};

/// The longest URL, in octets: what servers commonly accept in a request line.
const MAX_URL_OCTETS: usize = 8192;

/// Where the bytes of an entry come from.
#[derive(Clone)]
pub enum Source {
    /// From the descriptor itself.
    Data(Bytes),
    /// From nowhere: an empty directory.
    Directory,
    /// From a server.
    Http(Arc<HttpSource>),
}

/// What is asked of a server.
#[derive(Clone)]
pub struct HttpSource {
    /// The URL, without its fragment; judged by the policy's rules on texts.
    pub url: Url,
    /// Headers for the URL's own origin; their values are marked sensitive.
    pub headers: HeaderMap,
}

impl Source {
    /// Reads a URL and judges it.
    ///
    /// # Errors
    /// When the URL is not lawful, is no `http`, `https` or `data:` URL, or is refused by the policy.
    pub(super) fn parse(text: &str, policy: &Policy) -> Result<Source, Error> {
        check_length(text)?;
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        if !scheme.is_some_and(egress::is_web) {
            egress::check_characters(text)?;
            return match scheme {
                Some(scheme) if scheme.eq_ignore_ascii_case("data") => {
                    data_url::decode(text).map(Source::Data)
                }
                Some(_) => Err(Error::Url("its scheme is none of http, https and data")),
                None => Err(Error::Url("it has no scheme; begin with https:// or http://")),
            };
        }
        let mut url = egress::parse_url(text, None)?;
        url.set_fragment(None);
        policy.judge_url(&url).map_err(Error::UrlRefused)?;
        Ok(Source::Http(Arc::new(HttpSource { url, headers: HeaderMap::new() })))
    }
}

impl Source {
    /// Returns the URL as it may be shown, empty where there is none to ask.
    pub fn shown(&self) -> String {
        match self {
            Source::Data(_) | Source::Directory => String::new(),
            Source::Http(source) => source.shown(),
        }
    }
}

impl HttpSource {
    /// Returns the URL as it may be shown: without query, fragment and credentials.
    pub fn shown(&self) -> String {
        shown(self.url.clone())
    }
}

/// Shows what was sent as a URL, legal or not, as far as it can be told apart from its secrets.
pub(super) fn show(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    if scheme.eq_ignore_ascii_case("data") {
        return Some(DATA.to_owned());
    }
    let url =
        if egress::is_web(scheme) && text.len() <= MAX_URL_OCTETS { Url::parse(text).ok() } else { None };
    url.map(shown)
}

/// What is shown of a `data:` URL, for the rest is content.
const DATA: &str = "data:";

fn shown(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // These fail on URLs that cannot have credentials, which then show none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Data(bytes) => write!(f, "Data({} bytes)", bytes.len()),
            Source::Directory => f.write_str("Directory"),
            Source::Http(http) => http.fmt(f),
        }
    }
}

impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(http::HeaderName::as_str).collect();
        f.debug_struct("HttpSource").field("url", &self.shown()).field("headers", &names).finish()
    }
}

/// Refuses texts that are no URL by their length.
fn check_length(text: &str) -> Result<(), Error> {
    match text.len() {
        0 => Err(Error::Url("it is empty")),
        1..=MAX_URL_OCTETS => Ok(()),
        _ => Err(Error::UrlTooLong { limit: MAX_URL_OCTETS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_secrets() {
        let url = Url::parse("https://user:pw@host.example/a%20b?X-Amz-Signature=1#f").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer token"));
        let source = HttpSource { url, headers };
        assert_eq!(source.shown(), "https://host.example/a%20b");
        let printed = format!("{:?}", Source::Http(Arc::new(source)));
        assert_eq!(
            printed,
            r#"HttpSource { url: "https://host.example/a%20b", headers: ["authorization"] }"#
        );
        assert_eq!(format!("{:?}", Source::Data(Bytes::from_static(b"key"))), "Data(3 bytes)");
    }
}

//! What a source says of itself, for people: asked without the wish to read it.
//!
//! The question is the one that an archive asks, a ranged GET, so that the answer holds for the archive too: a
//! presigned GET refuses HEAD.

use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::descriptor::HttpSource;
use crate::plan::Head;

use super::answer::text;
use super::open::Covered;
use super::retry::Attempts;
use super::{Ask, Client, Error};

/// The longest header value that is given on, in octets: longer than any sound type or tag, and short beside a head.
const MAX_OCTETS: usize = 512;

/// A source that can be read.
#[derive(Clone, Debug)]
pub struct Described {
    /// What an archive goes by.
    pub head: Head,
    /// The status of the answer: 206, 200 where ranges are ignored, 416 for an empty source.
    pub status: StatusCode,
    /// `Content-Type`, as it came.
    pub content_type: Option<String>,
    /// `ETag`, as it came, weak or strong.
    pub etag: Option<String>,
}

impl Client {
    /// Asks for the first byte of a source, trying again as its attempts allow.
    ///
    /// # Errors
    /// The last attempt's.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn describe(&self, source: &HttpSource) -> Result<Described, Error> {
        let mut attempts = Attempts::new(self.config());
        let covered = self.cover(source, &Ask::Beginning(1), &mut attempts).await?;
        let Covered { head, status, headers, body, .. } = covered;
        if let Some(body) = body {
            body.recycle();
        }
        let (content_type, etag) = (shown(&headers, &CONTENT_TYPE), shown(&headers, &ETAG));
        Ok(Described { head, status, content_type, etag })
    }
}

/// The text of a header, where it is fit to be shown.
pub(super) fn shown(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    text(headers, name).filter(|text| (1..=MAX_OCTETS).contains(&text.len())).map(str::to_owned)
}

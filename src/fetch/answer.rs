//! An answer's head, read as what it says about the source.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    ACCEPT_RANGES, CONTENT_RANGE, DATE, ETAG, HeaderName, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::plan::{Head, Validator};

use super::Error;
use super::body::Body;
use super::content_range::ContentRange;

/// How much older than the answer a modification time must be to prove anything. RFC 9110 §8.8.2.2 is content with a second
/// where one clock tells both times, which nobody here knows; a minute is RFC 7232's (§2.2.2), for two clocks.
const SETTLED: Duration = Duration::from_secs(60);

/// The longest entity tag that is taken for a validator, in octets: it is kept with a link, in room that is set aside for
/// it. Object stores' have 34 to 70.
pub const TAG_MAX: usize = 180;

/// A head that has arrived, and the body behind it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Answer {
    /// What a 200 says of the source. One that answers a question for a part shows that parts are not answered, whatever
    /// it says of them.
    pub(super) fn whole_head(&self, asked_for_part: bool) -> Head {
        let says_ranges = self.text(&ACCEPT_RANGES).is_some_and(|value| value.eq_ignore_ascii_case("bytes"));
        self.head(self.content_length(), says_ranges && !asked_for_part)
    }

    /// What a 206 says of the source, and which bytes it carries: first, and one past the last.
    ///
    /// # Errors
    /// When its range is missing, unsound or contradicts its length.
    pub(super) fn part_head(&self) -> Result<(Head, u64, u64), Error> {
        let Some(ContentRange::Part { first, last, total }) = self.content_range() else {
            return Err(Error::Protocol("a partial answer without a sound Content-Range"));
        };
        if self.content_length().is_some_and(|length| length != last - first + 1) {
            return Err(Error::Protocol("its Content-Range and Content-Length disagree"));
        }
        Ok((self.head(total, true), first, last + 1))
    }

    /// Whether a 200 says that it carries a part, as scripts answer whose status line is lost on its way: its length is
    /// not the source's.
    pub(super) fn is_part_in_disguise(&self) -> bool {
        let is_whole = match self.content_range() {
            Some(ContentRange::Part { first: 0, last, total }) => {
                total == Some(last + 1) && self.content_length().is_none_or(|length| total == Some(length))
            }
            Some(ContentRange::Part { .. } | ContentRange::Unsatisfied { .. }) | None => false,
        };
        self.status == StatusCode::OK && self.headers.contains_key(CONTENT_RANGE) && !is_whole
    }

    /// Whether a 416 says that the source is empty.
    pub(super) fn is_empty_source(&self) -> bool {
        self.content_range() == Some(ContentRange::Unsatisfied { total: 0 })
    }

    /// What a 416 says of an empty source.
    pub(super) fn empty_head(&self) -> Head {
        self.head(Some(0), true)
    }

    /// The status as an error.
    pub(super) fn refusal(&self) -> Error {
        Error::Status { status: self.status, retry_after: self.retry_after() }
    }

    /// Where a redirect leads, also in characters beyond ASCII, as some send them.
    pub(super) fn location(&self) -> Option<&str> {
        std::str::from_utf8(once(&self.headers, &LOCATION)?.as_bytes()).ok().map(str::trim)
    }

    /// The text of a header that stands once.
    pub(super) fn text(&self, name: &HeaderName) -> Option<&str> {
        text(&self.headers, name)
    }

    fn content_range(&self) -> Option<ContentRange> {
        self.text(&CONTENT_RANGE).and_then(|value| ContentRange::parse(value.as_bytes()))
    }

    /// The length of the body that hyper goes by: none where the body is chunked or ends with the connection.
    fn content_length(&self) -> Option<u64> {
        self.body.length()
    }

    fn head(&self, length: Option<u64>, ranges: bool) -> Head {
        let modified = self.time(&LAST_MODIFIED);
        Head { length, modified: modified.and_then(unix), ranges, validator: self.validator(modified) }
    }

    fn validator(&self, modified: Option<SystemTime>) -> Option<Validator> {
        if self.headers.contains_key(ETAG) {
            let tag = self.text(&ETAG)?;
            let strong = (2..=TAG_MAX).contains(&tag.len()) && tag.starts_with('"') && tag.ends_with('"');
            return strong.then(|| Validator::ETag(tag.to_owned()));
        }
        let settled = self.time(&DATE)?.duration_since(modified?).is_ok_and(|age| age >= SETTLED);
        settled
            .then(|| self.text(&LAST_MODIFIED))
            .flatten()
            .map(|text| Validator::LastModified(text.to_owned()))
    }

    fn retry_after(&self) -> Option<Duration> {
        let text = self.text(&RETRY_AFTER)?;
        let seconds = text.parse().ok().map(Duration::from_secs);
        seconds.or_else(|| httpdate::parse_http_date(text).ok()?.duration_since(self.time(&DATE)?).ok())
    }

    fn time(&self, name: &HeaderName) -> Option<SystemTime> {
        self.text(name).and_then(|text| httpdate::parse_http_date(text).ok())
    }
}

/// Holds what a source tells now against what it told before.
///
/// # Errors
/// [`Error::Changed`] when it is another source by now, [`Error::Unproven`] when nothing says any more that it is not.
pub fn unchanged(before: &Head, now: &Head) -> Result<(), Error> {
    let lost_its_proof = before.validator.is_some() && now.validator.is_none();
    match before.agrees_with(now) {
        true => Ok(()),
        false if lost_its_proof && before.length == now.length => {
            Err(Error::Unproven("its answer has no validator any more"))
        }
        false => Err(Error::Changed("its length or validator is not the one it had at first")),
    }
}

/// The text of a header that stands once.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    once(headers, name)?.to_str().ok().map(str::trim)
}

fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The time in Unix seconds.
pub(super) fn unix_now() -> i64 {
    unix(SystemTime::now()).unwrap_or_default()
}

fn unix(time: SystemTime) -> Option<i64> {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok())
}

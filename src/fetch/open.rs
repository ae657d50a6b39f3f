//! Asking a source for its bytes, and reading the answer as what it covers.
//!
//! A source is asked with a ranged GET, since a presigned GET cannot be asked with HEAD. The answer tells the
//! length, a validator and whether ranges work; its body may wait in the kernel until its turn.

use std::sync::Arc;
use std::time::Instant;

use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::descriptor::HttpSource;
use crate::plan::{Head, Validator};

use super::answer::Answer;
use super::body::Body;
use super::retry::Attempts;
use super::{Client, Error};

/// What is asked of a source.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Its first `n` bytes, at least one.
    Beginning(u64),
    /// All of it.
    Whole,
    /// All from an offset, of the very source that told this head.
    Rest {
        /// The first byte asked for.
        from: u64,
        /// What the source told before.
        head: Head,
    },
}

/// A source that has answered: what it told, and a body from `start` on.
pub struct Opened {
    /// What the source told.
    pub head: Head,
    /// The body; `None` where there is nothing to read.
    pub(super) body: Option<Body>,
    /// The offset of the body's first byte.
    pub(super) start: u64,
    /// The offset behind the body's last byte; `None` where only its end will tell.
    pub(super) end: Option<u64>,
    /// What is left of the source's attempts.
    pub(super) attempts: Attempts,
}

impl Opened {
    /// How many bytes the body carries, where that is known.
    pub fn covered(&self) -> Option<u64> {
        self.end.map(|end| end - self.start)
    }

    /// Whether the body goes to the end of the source.
    pub fn is_whole(&self) -> bool {
        self.start == 0 && (self.end.is_none() || self.end == self.head.length)
    }

    /// Whether the rest of the source can be fetched separately and be known to belong to this body.
    pub fn is_extendable(&self) -> bool {
        self.head.is_resumable()
    }

    /// Gives the body up, and the connection back where that is cheap; keeps what was learnt.
    pub fn into_head(self) -> Head {
        if let Some(body) = self.body {
            body.recycle();
        }
        self.head
    }
}

impl Client {
    /// Opens a source, trying again as its attempts allow.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn open(&self, source: Arc<HttpSource>, ask: Ask) -> Result<Opened, Error> {
        let attempts = Attempts::new(self.config());
        self.open_with(source, ask, attempts).await
    }

    pub(super) async fn open_with(
        &self,
        source: Arc<HttpSource>,
        ask: Ask,
        mut attempts: Attempts,
    ) -> Result<Opened, Error> {
        loop {
            match self.try_open(&source, &ask).await {
                Ok((head, body, start, end)) => return Ok(Opened { head, body, start, end, attempts }),
                Err(error) => tokio::time::sleep(attempts.spend(error, Instant::now())?).await,
            }
        }
    }

    async fn try_open(&self, source: &HttpSource, ask: &Ask) -> Result<Covered, Error> {
        let answer = self.follow(source, &ask.conditions()).await?;
        match ask {
            Ask::Rest { from, head } => rest(answer, *from, head),
            Ask::Beginning(_) | Ask::Whole if answer.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                if answer.is_empty_source() {
                    let head = answer.empty_head();
                    answer.body.recycle();
                    return Ok((head, None, 0, Some(0)));
                }
                answer.body.recycle();
                whole(self.follow(source, &HeaderMap::new()).await?)
            }
            Ask::Beginning(_) | Ask::Whole if answer.status == StatusCode::PARTIAL_CONTENT => {
                let (head, first, end) = answer.part_head()?;
                if first != 0 {
                    return Err(Error::Protocol("it answered another range than was asked for"));
                }
                if head.length.is_none() && matches!(ask, Ask::Whole) {
                    // `bytes 0-9/*` does not tell whether that was all: only a plain answer does.
                    answer.body.recycle();
                    return whole(self.follow(source, &HeaderMap::new()).await?);
                }
                Ok((head, Some(answer.body), 0, Some(end)))
            }
            Ask::Beginning(_) | Ask::Whole => whole(answer),
        }
    }
}

/// A head, its body, and the body's bounds.
type Covered = (Head, Option<Body>, u64, Option<u64>);

fn whole(answer: Answer) -> Result<Covered, Error> {
    if answer.status != StatusCode::OK {
        let refusal = answer.refusal();
        answer.body.recycle();
        return Err(refusal);
    }
    let head = answer.whole_head();
    let end = head.length;
    Ok((head, Some(answer.body), 0, end))
}

/// Reads the answer to a question for the rest: anything but that very rest is another source.
fn rest(answer: Answer, from: u64, frozen: &Head) -> Result<Covered, Error> {
    match answer.status {
        StatusCode::PARTIAL_CONTENT => {
            let (head, first, end) = answer.part_head()?;
            if first != from {
                return Err(Error::Protocol("it answered another range than was asked for"));
            }
            if head.length != frozen.length {
                return Err(Error::Changed("its length is another"));
            }
            if head.validator != frozen.validator {
                return Err(Error::Changed("its validator is another"));
            }
            Ok((head, Some(answer.body), from, Some(end)))
        }
        StatusCode::OK => Err(Error::Changed("it answered with the whole instead of the rest")),
        StatusCode::PRECONDITION_FAILED => Err(Error::Changed("its validator is another")),
        StatusCode::RANGE_NOT_SATISFIABLE => Err(Error::Changed("it is shorter than it was")),
        _ => Err(answer.refusal()),
    }
}

impl Ask {
    /// The headers that ask for it (RFC 9110 §13.1, §14.2).
    fn conditions(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let range = match self {
            Ask::Beginning(bytes) => format!("bytes=0-{}", bytes.saturating_sub(1)),
            Ask::Whole => "bytes=0-".to_owned(),
            Ask::Rest { from, .. } => format!("bytes={from}-"),
        };
        headers.extend(HeaderValue::try_from(range).ok().map(|range| (RANGE, range)));
        if let Ask::Rest { head, .. } = self {
            let (name, value) = match &head.validator {
                Some(Validator::ETag(tag)) => (IF_MATCH, tag),
                Some(Validator::LastModified(time)) => (IF_UNMODIFIED_SINCE, time),
                None => return headers,
            };
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
        headers
    }
}

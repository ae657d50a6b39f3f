//! Asking a source for its bytes, and reading the answer as what it covers.
//!
//! A source is asked with a ranged GET, since a presigned GET cannot be asked with HEAD. The answer tells the
//! length, a validator and whether ranges work; its body may wait in the kernel until its turn.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::descriptor::HttpSource;
use crate::plan::{Head, Validator};

use super::answer::{Answer, unix_now};
use super::body::Body;
use super::client::Condition;
use super::described::shown;
use super::retry::Attempts;
use super::segment::Opening;
use super::signature::explained;
use super::{Client, Error};

/// What is asked of a source.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Its first `n` bytes, at least one.
    Beginning(u64),
    /// All of it.
    Whole,
    /// All from an offset, or a part of that, of the very source that told this head.
    Rest {
        /// The first byte asked for.
        from: u64,
        /// The offset behind the last byte asked for; `None` is the source's end.
        to: Option<u64>,
        /// What the source told before.
        head: Head,
    },
}

/// A source that has answered: what it told, and a body from `start` on.
pub struct Opened {
    /// What the source told.
    pub head: Head,
    /// `Content-Type`, as it came.
    pub content_type: Option<String>,
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

    /// Reads the first bytes, at least as many as are wanted where there are, before their turn; they will be read again
    /// at it. No clock runs but the caller's.
    ///
    /// # Errors
    /// When the body breaks before; its turn will say so too.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn peek(&mut self, bytes: usize) -> Result<Vec<Bytes>, Error> {
        match &mut self.body {
            Some(body) => body.peek(bytes).await,
            None => Ok(Vec::new()),
        }
    }

    /// Gives the body up, and the connection back where that is cheap.
    pub fn give_up(self) {
        if let Some(body) = self.body {
            body.recycle();
        }
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
        let Covered { head, headers, body, start, end, .. } =
            self.cover(&source, &ask, &mut attempts).await?;
        let content_type = shown(&headers, &CONTENT_TYPE);
        Ok(Opened { head, content_type, body, start, end, attempts })
    }

    /// Asks for a source until it has answered, or its attempts are spent.
    pub(super) async fn cover(
        &self,
        source: &HttpSource,
        ask: &Ask,
        attempts: &mut Attempts,
    ) -> Result<Covered, Error> {
        loop {
            let begun = Instant::now();
            let covered = self.try_cover(source, ask).await;
            self.meter().note_request(begun, &covered);
            match covered {
                Ok(covered) => return Ok(covered),
                Err(error) => {
                    let error = explained(error, &source.url, unix_now());
                    let pause = attempts.spend(error, Instant::now())?;
                    self.meter().note_retry();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Asks once for a part of a source that told `head`, beside other parts of it.
    ///
    /// # Errors
    /// [`Error::Status`] also for the whole of the very source: it can be read, but not so.
    pub(super) async fn open_beside(
        &self,
        source: &HttpSource,
        part: Range<u64>,
        head: Head,
    ) -> Result<Opened, Error> {
        let begun = Instant::now();
        let covered = self.try_cover_beside(source, part, head).await;
        self.meter().note_request(begun, &covered);
        let Covered { head, body, start, end, .. } = covered?;
        let (content_type, attempts) = (None, Attempts::new(self.config()));
        Ok(Opened { head, content_type, body, start, end, attempts })
    }

    async fn try_cover_beside(
        &self,
        source: &HttpSource,
        part: Range<u64>,
        head: Head,
    ) -> Result<Covered, Error> {
        let ask = Ask::Rest { from: part.start, to: Some(part.end), head: head.clone() };
        let answer = self.follow(source, &ask.conditions()).await?;
        if answer.status == StatusCode::OK {
            let whole = answer.whole_head(true);
            if whole.length == head.length && whole.validator == head.validator {
                return Err(answer.refusal());
            }
        }
        rest(answer, part.start, Some(part.end), &head)
    }

    async fn try_cover(&self, source: &HttpSource, ask: &Ask) -> Result<Covered, Error> {
        let answer = self.follow(source, &ask.conditions()).await?;
        match ask {
            Ask::Rest { from, to, head } => rest(answer, *from, *to, head),
            Ask::Beginning(_) | Ask::Whole if answer.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                if answer.is_empty_source() {
                    let (head, status, headers) = (answer.empty_head(), answer.status, answer.headers);
                    answer.body.recycle();
                    return Ok(Covered { head, status, headers, body: None, start: 0, end: Some(0) });
                }
                answer.body.recycle();
                whole(self.follow(source, &[]).await?, false)
            }
            Ask::Beginning(_) | Ask::Whole if answer.status == StatusCode::PARTIAL_CONTENT => {
                let (head, first, end) = answer.part_head()?;
                if first != 0 {
                    return Err(Error::Protocol("it answered another range than was asked for"));
                }
                if head.length.is_none() && matches!(ask, Ask::Whole) {
                    // `bytes 0-9/*` does not tell whether that was all: only a plain answer does.
                    answer.body.recycle();
                    return whole(self.follow(source, &[]).await?, false);
                }
                Ok(Covered::of(answer, head, 0, Some(end)))
            }
            Ask::Beginning(_) | Ask::Whole if answer.is_part_in_disguise() => {
                answer.body.recycle();
                // Whatever it says of ranges, it does not answer them soundly.
                whole(self.follow(source, &[]).await?, true)
            }
            Ask::Beginning(_) | Ask::Whole => whole(answer, true),
        }
    }
}

/// An answer, and what of the source it covers.
pub(super) struct Covered {
    /// What it says of the source.
    pub(super) head: Head,
    /// How it was answered.
    pub(super) status: StatusCode,
    /// All that was said.
    pub(super) headers: HeaderMap,
    /// The body; `None` where there is nothing to read.
    pub(super) body: Option<Body>,
    start: u64,
    end: Option<u64>,
}

impl Covered {
    fn of(answer: Answer, head: Head, start: u64, end: Option<u64>) -> Covered {
        let Answer { status, headers, body } = answer;
        Covered { head, status, headers, body: Some(body), start, end }
    }
}

/// Asks a source after a pause, apart from whoever waits for it.
pub(super) fn open(
    client: &Client,
    source: &Arc<HttpSource>,
    ask: Ask,
    attempts: Attempts,
    pause: Duration,
) -> Opening {
    let (client, source) = (client.clone(), Arc::clone(source));
    Box::pin(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        client.open_with(source, ask, attempts).await
    })
}

fn whole(answer: Answer, asked_for_part: bool) -> Result<Covered, Error> {
    if answer.status != StatusCode::OK {
        let refusal = answer.refusal();
        answer.body.recycle();
        return Err(refusal);
    }
    if answer.is_part_in_disguise() {
        return Err(Error::Protocol("it sends a part of itself under the status of the whole"));
    }
    let head = answer.whole_head(asked_for_part);
    let end = head.length;
    Ok(Covered::of(answer, head, 0, end))
}

/// Reads the answer to a question for the rest: anything but that very rest is another source.
fn rest(answer: Answer, from: u64, to: Option<u64>, frozen: &Head) -> Result<Covered, Error> {
    match answer.status {
        StatusCode::PARTIAL_CONTENT => {
            let (head, first, end) = answer.part_head()?;
            if first != from || to.is_some_and(|to| end > to) {
                return Err(Error::Protocol("it answered another range than was asked for"));
            }
            if head.length != frozen.length {
                return Err(Error::Changed("its length is another"));
            }
            match &head.validator {
                validator if *validator == frozen.validator => {}
                None => return Err(Error::Unproven("its answer has no validator any more")),
                Some(_) => return Err(Error::Changed("its validator is another")),
            }
            Ok(Covered::of(answer, head, from, Some(end)))
        }
        StatusCode::OK => {
            let validator = answer.whole_head(true).validator;
            let is_another = validator.is_some() && validator != frozen.validator;
            Err(match is_another {
                true => Error::Changed("its validator is another"),
                false => Error::Unproven("it answered with the whole instead of the rest"),
            })
        }
        StatusCode::PRECONDITION_FAILED => Err(Error::Changed("its validator is another")),
        StatusCode::RANGE_NOT_SATISFIABLE => Err(Error::Changed("it is shorter than it was")),
        _ => Err(answer.refusal()),
    }
}

impl Ask {
    /// The headers that ask for it (RFC 9110 §13.1, §14.2).
    fn conditions(&self) -> Vec<Condition> {
        let range = match self {
            Ask::Beginning(bytes) => format!("bytes=0-{}", bytes.saturating_sub(1)),
            Ask::Whole => "bytes=0-".to_owned(),
            Ask::Rest { from, to: Some(to), .. } => format!("bytes={from}-{}", to.saturating_sub(1)),
            Ask::Rest { from, to: None, .. } => format!("bytes={from}-"),
        };
        let validator = match self {
            Ask::Rest { head, .. } => head.validator.as_ref(),
            Ask::Beginning(_) | Ask::Whole => None,
        };
        let version = validator.map(|validator| match validator {
            Validator::ETag(tag) => (IF_MATCH, HeaderValue::try_from(tag)),
            Validator::LastModified(time) => (IF_UNMODIFIED_SINCE, HeaderValue::try_from(time)),
        });
        let all = [Some((RANGE, HeaderValue::try_from(range))), version].into_iter().flatten();
        all.filter_map(|(name, value)| Some((name, value.ok()?))).collect()
    }
}

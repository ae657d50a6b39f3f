//! A source read from its first byte to its last, through whatever breaks on the way.
//!
//! ```text
//! Opening ──▶ Reading ──▶ (rest of a beginning) Opening ──▶ … ──▶ Ended
//!    ▲           │ broke: from the offset where the validator proves the bytes; from 0 while none was handed out,
//!    └───────────┘        or while whoever took them can still forget them
//! ```
//!
//! Its clocks run only while bytes are asked of it: a reader that takes its time costs the source nothing.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, MaybeDone};

use crate::budget::Demand;
use crate::descriptor::HttpSource;
use crate::plan::Head;

use super::body::Body;
use super::retry::{Attempts, PROGRESS};
use super::{Ask, Client, Error, Opened};

type Opening = BoxFuture<'static, Result<Opened, Error>>;

/// One source's bytes, in order, each once.
pub struct Reader {
    client: Client,
    source: Arc<HttpSource>,
    demand: Arc<Demand>,
    /// What the source told first; everything later must agree with it.
    head: Option<Head>,
    /// The offset of the next byte to hand out.
    offset: u64,
    state: State,
    /// The request for the rest, under way while the beginning is read.
    rest: Option<Pin<Box<MaybeDone<Opening>>>>,
    attempts: Attempts,
    /// Bytes handed out since the source last failed.
    progress: u64,
    rate: Rate,
    is_forgettable: bool,
}

enum State {
    Opening(Opening),
    Reading {
        body: Body,
        /// The offset behind the body's last byte, where it is known.
        end: Option<u64>,
    },
    Ended,
}

impl Reader {
    /// Makes a reader of a source at its turn: of what was `opened` ahead, or else by asking for it now; `head` is
    /// what the source told when it was probed.
    pub fn new(
        client: Client,
        source: Arc<HttpSource>,
        head: Option<Head>,
        opened: Option<Opened>,
        demand: Arc<Demand>,
    ) -> Reader {
        let attempts = match &opened {
            Some(opened) => opened.attempts.clone(),
            None => Attempts::new(client.config()),
        };
        let state = State::Opening(match opened {
            Some(opened) => std::future::ready(Ok(opened)).boxed(),
            None => open(&client, &source, Ask::Whole, attempts.clone(), Duration::ZERO),
        });
        let (rest, rate) = (None, Rate::default());
        let (offset, progress, is_forgettable) = (0, 0, false);
        Reader { client, source, demand, head, offset, state, rest, attempts, progress, rate, is_forgettable }
    }

    /// Lets the source begin anew where it breaks and nothing proves the rest: whoever calls this forgets all
    /// bytes when [`Reader::offset`] has fallen to the length of the last chunk.
    pub fn forgettable(self) -> Reader {
        Reader { is_forgettable: true, ..self }
    }

    /// The offset behind the bytes handed out so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Waits for the next bytes; `None` at the end of the source.
    ///
    /// # Errors
    /// What broke the source for good: its attempts are spent, it changed, or it cannot be continued.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped; the idle clock starts anew.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Opening(opening) => {
                    let opened = opening.await?;
                    self.take(opened)?;
                }
                State::Reading { .. } => match self.read().await {
                    Ok(Some(chunk)) => return self.hand_out(chunk).map(Some),
                    Ok(None) => self.end_body()?,
                    Err(error) => self.recover(error)?,
                },
            }
        }
    }

    /// Begins to read an answer, after making sure that it is of the same source as all before.
    fn take(&mut self, opened: Opened) -> Result<(), Error> {
        let frozen = self.head.get_or_insert_with(|| opened.head.clone());
        if !frozen.agrees_with(&opened.head) {
            return Err(Error::Changed("its length or validator is not the one it had at first"));
        }
        if opened.start != self.offset {
            return Err(Error::Protocol("it answered another range than was asked for"));
        }
        // A head without a length learns it here, so that a break can be told from the end.
        frozen.length = frozen.length.or(opened.head.length);
        self.attempts = opened.attempts;
        let is_part = opened.end.is_some() && opened.end != frozen.length;
        if is_part && !frozen.is_resumable() {
            return Err(Error::Protocol("it sends only a part, and nothing proves the rest to belong to it"));
        }
        if let (true, Some(from)) = (is_part, opened.end) {
            let ask = Ask::Rest { from, head: frozen.clone() };
            let rest = open(&self.client, &self.source, ask, self.attempts.clone(), Duration::ZERO);
            self.rest = Some(Box::pin(MaybeDone::Future(rest)));
        }
        self.state = match opened.body {
            Some(body) => State::Reading { body, end: opened.end },
            None => State::Ended,
        };
        Ok(())
    }

    /// Reads from the body, and lets the request for the rest go on beside it.
    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let State::Reading { body, .. } = &mut self.state else { return Ok(None) };
        let config = self.client.config();
        let asked = Instant::now();
        let mut chunk = pin!(body.chunk(self.demand.read_size()));
        let rest = &mut self.rest;
        let both = poll_fn(|cx| {
            let chunk = chunk.as_mut().poll(cx);
            if let (Poll::Pending, Some(rest)) = (&chunk, rest.as_mut()) {
                // Its output waits inside until the body has ended.
                let _ = rest.as_mut().poll(cx);
            }
            chunk
        });
        let silent = Error::Timeout("no bytes within fetch.idle_timeout");
        let chunk = tokio::time::timeout(config.idle_timeout, both).await.unwrap_or(Err(silent))?;
        let bytes = chunk.as_ref().map_or(0, Bytes::len) as u64;
        self.rate.note(bytes, asked.elapsed(), config.min_rate_window, config.min_rate.0)?;
        Ok(chunk)
    }

    fn hand_out(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let bytes = chunk.len() as u64;
        self.offset += bytes;
        self.progress += bytes;
        if self.progress >= PROGRESS {
            self.attempts.restore();
        }
        let end = match &self.state {
            State::Reading { end, .. } => *end,
            State::Opening(_) | State::Ended => None,
        };
        match end.or(self.head.as_ref().and_then(|head| head.length)) {
            Some(end) if self.offset > end => Err(Error::Protocol("it sends more than it announced")),
            _ => Ok(chunk),
        }
    }

    /// A body ended as it announced: that is the end, or the beginning's end.
    fn end_body(&mut self) -> Result<(), Error> {
        let length = self.head.as_ref().and_then(|head| head.length);
        let State::Reading { end, .. } = &self.state else { return Ok(()) };
        if end.is_some_and(|end| self.offset < end) {
            return self.recover(Error::Truncated);
        }
        let head = self.head.clone().unwrap_or_default();
        self.state = match self.rest.take() {
            Some(mut rest) => {
                // A request made early may have lain too long while the reader paused: that is no failure of the source.
                let ask = Ask::Rest { from: self.offset, head };
                let attempts = Attempts::new(self.client.config());
                let again = open(&self.client, &self.source, ask, attempts, Duration::ZERO);
                State::Opening(Box::pin(async move {
                    rest.as_mut().await;
                    match rest.as_mut().take_output() {
                        Some(Err(error)) if !error.is_transient() => Err(error),
                        Some(Ok(opened)) => Ok(opened),
                        Some(Err(_)) | None => again.await,
                    }
                }))
            }
            None if length.is_some_and(|length| self.offset < length) => {
                return self.recover(Error::Truncated);
            }
            None => State::Ended,
        };
        Ok(())
    }

    /// Goes on from another answer, where that is allowed and attempts are left.
    fn recover(&mut self, error: Error) -> Result<(), Error> {
        let resumable = self.head.as_ref().filter(|head| head.is_resumable());
        let ask = match (self.offset, resumable) {
            (0, _) => Ask::Whole,
            (from, Some(head)) => Ask::Rest { from, head: head.clone() },
            (_, None) if self.is_forgettable => Ask::Whole,
            (_, None) => return Err(error),
        };
        let now = Instant::now();
        // Servers close what a slow reader leaves waiting: cuts far from one another do not add up.
        if self.progress > 0 && self.attempts.are_past(now) {
            self.attempts.restore();
        }
        let pause = self.attempts.spend(error, now)?;
        if matches!(ask, Ask::Whole) {
            self.offset = 0;
        }
        (self.progress, self.rest, self.rate) = (0, None, Rate::default());
        self.state = State::Opening(open(&self.client, &self.source, ask, self.attempts.clone(), pause));
        Ok(())
    }
}

/// Asks at the source's turn, after a pause.
fn open(client: &Client, source: &Arc<HttpSource>, ask: Ask, attempts: Attempts, pause: Duration) -> Opening {
    let (client, source) = (client.clone(), Arc::clone(source));
    Box::pin(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        client.open_with(source, ask, attempts).await
    })
}

/// The rate at which a source sends while it is asked to.
#[derive(Default)]
struct Rate {
    bytes: u64,
    waited: Duration,
}

impl Rate {
    /// Notes bytes that were waited for; fails once a whole window brought less than `min_rate` a second.
    fn note(&mut self, bytes: u64, waited: Duration, window: Duration, min_rate: u64) -> Result<(), Error> {
        self.bytes += bytes;
        self.waited += waited;
        if self.waited < window {
            return Ok(());
        }
        let enough = self.bytes as f64 >= min_rate as f64 * self.waited.as_secs_f64();
        *self = Rate::default();
        if enough { Ok(()) } else { Err(Error::Timeout("it sends less than fetch.min_rate")) }
    }
}

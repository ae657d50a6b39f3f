//! A source read from its first byte to its last, through whatever breaks on the way.
//!
//! ```text
//! Opening ──▶ Reading ──▶ (rest of a beginning) Opening ──▶ … ──▶ Ended
//!    ▲           │ broke: from the offset where the validator proves the bytes; from 0 while none was handed out,
//!    └───────────┘        or while whoever took them can still forget them
//! ```
//!
//! A long, slow source is read by several connections at once: then what is read here is the front of its [`Segments`],
//! up to where the next of them begins, whose turn it is then.
//!
//! Its clocks run only while bytes are asked of it: a reader that takes its time costs the source nothing.

use std::future::{Future, poll_fn};
use std::ops::{ControlFlow, Range};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::MaybeDone;

use crate::budget::Demand;
use crate::descriptor::HttpSource;
use crate::plan::Head;

use super::answer::unchanged;
use super::body::Body;
use super::open::open;
use super::rate::Rate;
use super::retry::{Attempts, PROGRESS};
use super::segment::Opening;
use super::segments::{Segments, Span};
use super::{Ask, Client, Error, Opened};

/// One source's bytes, in order, each once.
pub struct Reader {
    pub(super) client: Client,
    pub(super) source: Arc<HttpSource>,
    pub(super) demand: Arc<Demand>,
    /// What the source told first; everything later must agree with it.
    pub(super) head: Option<Head>,
    /// The offset of the next byte to hand out.
    pub(super) offset: u64,
    /// The offset behind the last byte to hand out; `None` is the source's end.
    pub(super) to: Option<u64>,
    pub(super) state: State,
    /// The request for what follows, under way while what comes before is read.
    pub(super) rest: Option<Rest>,
    pub(super) attempts: Attempts,
    /// Bytes handed out since the source last failed, but for those that had been handed out before.
    pub(super) progress: u64,
    /// How long bytes were waited for since then.
    pub(super) waited: Duration,
    /// The offset behind the last byte that ever was handed out, however often the source began anew.
    pub(super) farthest: u64,
    /// Whether all of it was asked for at once.
    pub(super) is_asked_whole: bool,
    pub(super) rate: Rate,
    pub(super) segments: Segments,
    pub(super) is_forgettable: bool,
}

/// A request made early, for all from an offset on.
pub(super) struct Rest {
    pub(super) from: u64,
    pub(super) opening: Pin<Box<MaybeDone<Opening>>>,
}

/// What a reader is about.
pub(super) enum State {
    /// It waits for an answer.
    Opening(Opening),
    /// It reads a body.
    Reading {
        body: Body,
        /// The offset behind the body's last byte, where it is known.
        end: Option<u64>,
    },
    /// A segment's turn has come: first come the bytes that were read ahead.
    Ahead,
    /// Nothing more is to come.
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
        let is_asked_whole = opened.is_none();
        let state = State::Opening(match opened {
            Some(opened) => std::future::ready(Ok(opened)).boxed(),
            None => open(&client, &source, Ask::Whole, attempts.clone(), Duration::ZERO),
        });
        let reader = Reader::begun(client, source, demand, state, attempts);
        Reader { head, is_asked_whole, ..reader }
    }

    /// Makes a reader of the bytes `from..to` of a source that told `head`, which must be resumable.
    pub fn of_span(
        client: Client,
        source: Arc<HttpSource>,
        head: Head,
        span: Range<u64>,
        demand: Arc<Demand>,
    ) -> Reader {
        let attempts = Attempts::new(client.config());
        let state = if span.is_empty() {
            State::Ended
        } else {
            let ask = Ask::Rest { from: span.start, to: Some(span.end), head: head.clone() };
            State::Opening(open(&client, &source, ask, attempts.clone(), Duration::ZERO))
        };
        let reader = Reader::begun(client, source, demand, state, attempts);
        Reader { head: Some(head), offset: span.start, to: Some(span.end), ..reader }
    }

    fn begun(
        client: Client,
        source: Arc<HttpSource>,
        demand: Arc<Demand>,
        state: State,
        attempts: Attempts,
    ) -> Reader {
        Reader {
            client,
            source,
            demand,
            head: None,
            offset: 0,
            to: None,
            state,
            rest: None,
            attempts,
            progress: 0,
            waited: Duration::ZERO,
            farthest: 0,
            is_asked_whole: false,
            rate: Rate::default(),
            segments: Segments::default(),
            is_forgettable: false,
        }
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
        let asked = Instant::now();
        loop {
            match &mut self.state {
                // Whatever led here: less than all is no end.
                State::Ended => return if self.is_over() { Ok(None) } else { Err(Error::Truncated) },
                State::Opening(opening) => {
                    let opened = self.segments.beside(opening).await?;
                    self.take(opened)?;
                }
                State::Ahead => match self.segments.take().await {
                    ControlFlow::Continue(chunk) => return self.hand_out(chunk, asked).map(Some),
                    ControlFlow::Break(progress) => self.go_on(progress)?,
                },
                State::Reading { .. } => match self.read().await {
                    Ok(Some(chunk)) => return self.hand_out(chunk, asked).map(Some),
                    Ok(None) => self.end_body()?,
                    Err(error) => self.recover(error)?,
                },
            }
        }
    }

    /// Begins to read an answer, after making sure that it is of the same source as all before.
    fn take(&mut self, opened: Opened) -> Result<(), Error> {
        let frozen = self.head.get_or_insert_with(|| opened.head.clone());
        unchanged(frozen, &opened.head)?;
        if opened.start != self.offset {
            return Err(Error::Protocol("it answered another range than was asked for"));
        }
        // A head without a length learns it here, so that a break can be told from the end.
        frozen.length = frozen.length.or(opened.head.length);
        self.attempts = opened.attempts;
        let is_resumable = frozen.is_resumable();
        let part = opened.end.filter(|&end| self.goal().is_none_or(|goal| end < goal));
        if part.is_some() && !is_resumable {
            return self.ask_whole(opened.body);
        }
        if let Some(from) = part {
            self.ask_rest(from);
        }
        self.state = match opened.body {
            Some(body) => State::Reading { body, end: opened.end },
            None => State::Ended,
        };
        Ok(())
    }

    /// Asks for all at once instead of a part that nothing proves a rest to belong to: what the source told when it was
    /// asked for that part may be more than it told at first.
    ///
    /// # Errors
    /// [`Error::Protocol`] where it was asked for all before.
    fn ask_whole(&mut self, part: Option<Body>) -> Result<(), Error> {
        if self.is_asked_whole || self.offset > 0 || self.to.is_some() {
            return Err(Error::Protocol("it sends only a part, and nothing proves the rest to belong to it"));
        }
        if let Some(body) = part {
            body.recycle();
        }
        self.is_asked_whole = true;
        let attempts = self.attempts.clone();
        self.state = State::Opening(open(&self.client, &self.source, Ask::Whole, attempts, Duration::ZERO));
        Ok(())
    }

    /// Reads from the body, and lets the request for the rest go on beside it.
    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let State::Reading { body, .. } = &mut self.state else { return Ok(None) };
        let config = self.client.config();
        let asked = Instant::now();
        let mut chunk = pin!(body.chunk(self.demand.read_size()));
        let rest = &mut self.rest;
        let both = self.segments.beside(poll_fn(|cx| {
            // First, so that the rest is on its way also when the beginning is all there: then it travels meanwhile, on
            // the connection that carried the entry before, whose window is open. Its output waits inside.
            if let Some(rest) = rest {
                let _ = rest.opening.as_mut().poll(cx);
            }
            chunk.as_mut().poll(cx)
        }));
        let silent = Error::Timeout("no bytes within fetch.idle_timeout");
        let chunk = tokio::time::timeout(config.idle_timeout, both).await.unwrap_or(Err(silent));
        self.waited += asked.elapsed();
        let chunk = chunk?;
        let bytes = chunk.as_ref().map_or(0, Bytes::len) as u64;
        self.rate.note(bytes, asked.elapsed(), config.min_rate_window, config.min_rate.0)?;
        Ok(chunk)
    }

    /// Hands bytes out that were `asked` for, as far as they are the front's; behind them a segment's turn may come.
    fn hand_out(&mut self, mut chunk: Bytes, asked: Instant) -> Result<Bytes, Error> {
        let behind = self.offset + chunk.len() as u64;
        let end = match &self.state {
            State::Reading { end, .. } => *end,
            State::Opening(_) | State::Ahead | State::Ended => None,
        };
        if end.or(self.length()).is_some_and(|end| behind > end) {
            return Err(Error::Protocol("it sends more than it announced"));
        }
        let over = self.segments.turn(behind);
        chunk.truncate(chunk.len() - over.unwrap_or(0) as usize);
        let bytes = chunk.len() as u64;
        self.offset += bytes;
        self.progress += bytes.min(self.offset.saturating_sub(self.farthest));
        self.farthest = self.farthest.max(self.offset);
        if self.progress >= PROGRESS {
            self.attempts.restore();
        }
        let is_slow = self.segments.note(bytes, asked);
        if over.is_some() {
            let front = std::mem::replace(&mut self.state, State::Ahead);
            self.rest = None;
            if let State::Reading { body, end } = front
                && end == Some(self.offset)
            {
                body.recycle();
            }
        }
        if over.is_some() || is_slow {
            self.look_ahead(is_slow);
        }
        Ok(chunk)
    }

    /// Lets segments be read behind what is read now.
    fn look_ahead(&mut self, grow: bool) {
        let (Some(head), Some(to)) = (&self.head, self.to.or(self.length())) else { return };
        if !head.is_resumable() {
            return;
        }
        let front = match &self.state {
            State::Reading { end, .. } => *end,
            State::Ahead => self.segments.current_end(),
            State::Opening(_) | State::Ended => return,
        };
        let front = front.filter(|&end| end < to);
        let is_open = front.is_none() || self.rest.is_some();
        let from = front.unwrap_or(self.offset);
        let span = Span { client: &self.client, source: &self.source, head, from, is_open, to };
        self.segments.fill(&span, grow);
        if let (Some(end), None, None) = (front, &self.rest, self.segments.next_start()) {
            self.ask_rest(end);
        }
    }

    /// Asks for what follows an offset, as far as no segment does.
    fn ask_rest(&mut self, from: u64) {
        let head = self.head.clone().unwrap_or_default();
        let ask = Ask::Rest { from, to: self.segments.next_start().or(self.to), head };
        let opening = open(&self.client, &self.source, ask, self.attempts.clone(), Duration::ZERO);
        self.rest = Some(Rest { from, opening: Box::pin(MaybeDone::Future(opening)) });
    }

    /// The source's length, where it is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.head.as_ref().and_then(|head| head.length)
    }

    /// The offset to which the front is read, where it is known.
    pub(super) fn goal(&self) -> Option<u64> {
        self.segments.next_start().or(self.to).or(self.length())
    }
}

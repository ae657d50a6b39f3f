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

use super::body::Body;
use super::open::open;
use super::rate::Rate;
use super::retry::{Attempts, PROGRESS};
use super::segment::{Opening, Progress};
use super::segments::{Segments, Span};
use super::{Ask, Client, Error, Opened};

/// One source's bytes, in order, each once.
pub struct Reader {
    client: Client,
    source: Arc<HttpSource>,
    demand: Arc<Demand>,
    /// What the source told first; everything later must agree with it.
    head: Option<Head>,
    /// The offset of the next byte to hand out.
    offset: u64,
    /// The offset behind the last byte to hand out; `None` is the source's end.
    to: Option<u64>,
    state: State,
    /// The request for the rest, under way while the beginning is read.
    rest: Option<Pin<Box<MaybeDone<Opening>>>>,
    attempts: Attempts,
    /// Bytes handed out since the source last failed.
    progress: u64,
    rate: Rate,
    segments: Segments,
    is_forgettable: bool,
}

enum State {
    Opening(Opening),
    Reading {
        body: Body,
        /// The offset behind the body's last byte, where it is known.
        end: Option<u64>,
    },
    /// A segment's turn has come: first come the bytes that were read ahead.
    Ahead,
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
        let (offset, to, progress, is_forgettable) = (0, None, 0, false);
        Reader {
            client,
            source,
            demand,
            head,
            offset,
            to,
            state,
            rest,
            attempts,
            progress,
            rate,
            segments: Segments::default(),
            is_forgettable,
        }
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
        Reader {
            client,
            source,
            demand,
            head: Some(head),
            offset: span.start,
            to: Some(span.end),
            state,
            rest: None,
            attempts,
            progress: 0,
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
                State::Ended => return Ok(None),
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
        if !frozen.agrees_with(&opened.head) {
            return Err(Error::Changed("its length or validator is not the one it had at first"));
        }
        if opened.start != self.offset {
            return Err(Error::Protocol("it answered another range than was asked for"));
        }
        // A head without a length learns it here, so that a break can be told from the end.
        frozen.length = frozen.length.or(opened.head.length);
        self.attempts = opened.attempts;
        let is_resumable = frozen.is_resumable();
        let part = opened.end.filter(|&end| self.goal().is_none_or(|goal| end < goal));
        if part.is_some() && !is_resumable {
            return Err(Error::Protocol("it sends only a part, and nothing proves the rest to belong to it"));
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
            if let Some(rest) = rest.as_mut() {
                let _ = rest.as_mut().poll(cx);
            }
            chunk.as_mut().poll(cx)
        }));
        let silent = Error::Timeout("no bytes within fetch.idle_timeout");
        let chunk = tokio::time::timeout(config.idle_timeout, both).await.unwrap_or(Err(silent))?;
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
        self.progress += bytes;
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
        let rest = open(&self.client, &self.source, ask, self.attempts.clone(), Duration::ZERO);
        self.rest = Some(Box::pin(MaybeDone::Future(rest)));
    }

    /// The source's length, where it is known.
    fn length(&self) -> Option<u64> {
        self.head.as_ref().and_then(|head| head.length)
    }

    /// The offset to which the front is read, where it is known.
    fn goal(&self) -> Option<u64> {
        self.segments.next_start().or(self.to).or(self.length())
    }

    /// Goes on behind what was read ahead of a segment.
    fn go_on(&mut self, progress: Progress) -> Result<(), Error> {
        let attempts = self.attempts.clone();
        self.state = match progress {
            Progress::Reading(body, end) => State::Reading { body, end: Some(end) },
            Progress::Broken(error) => return self.recover(error),
            Progress::Ended | Progress::Missing => return self.end_part(),
            Progress::Opening(opening) => {
                let again = self.open_rest(attempts.clone());
                State::Opening(Box::pin(async move {
                    match opening.await {
                        Ok(opened) => Ok(Opened { attempts, ..opened }),
                        Err(error @ (Error::Changed(_) | Error::Protocol(_))) => Err(error),
                        Err(_) => again.await,
                    }
                }))
            }
        };
        Ok(())
    }

    /// A body ended: as it announced, or before.
    fn end_body(&mut self) -> Result<(), Error> {
        let State::Reading { end, .. } = &self.state else { return Ok(()) };
        let is_cut = match end {
            Some(end) => self.offset < *end,
            None => self.goal().is_some_and(|goal| self.offset < goal),
        };
        if is_cut { self.recover(Error::Truncated) } else { self.end_part() }
    }

    /// What was asked for has come: that is the end, or the end of a part.
    fn end_part(&mut self) -> Result<(), Error> {
        let is_over = self.goal().is_none_or(|goal| self.offset >= goal);
        self.state = match self.rest.take() {
            _ if is_over => State::Ended,
            Some(mut rest) => {
                // A request made early may have lain too long while the reader paused: that is no failure of the source.
                let again = self.open_rest(Attempts::new(self.client.config()));
                State::Opening(Box::pin(async move {
                    rest.as_mut().await;
                    match rest.as_mut().take_output() {
                        Some(Err(error)) if !error.is_transient() => Err(error),
                        Some(Ok(opened)) => Ok(opened),
                        Some(Err(_)) | None => again.await,
                    }
                }))
            }
            None => State::Opening(self.open_rest(self.attempts.clone())),
        };
        Ok(())
    }

    /// Asks for what follows, as far as no segment does.
    fn open_rest(&self, attempts: Attempts) -> Opening {
        let to = self.segments.next_start().or(self.to);
        let ask = Ask::Rest { from: self.offset, to, head: self.head.clone().unwrap_or_default() };
        open(&self.client, &self.source, ask, attempts, Duration::ZERO)
    }

    /// Goes on from another answer, where that is allowed and attempts are left.
    fn recover(&mut self, error: Error) -> Result<(), Error> {
        let resumable = self.head.as_ref().filter(|head| head.is_resumable());
        if self.to.or(resumable.and_then(|head| head.length)) == Some(self.offset) {
            // All of a proven length is there: only the frame around it broke.
            self.state = State::Ended;
            return Ok(());
        }
        let ask = match (self.offset, resumable) {
            (0, _) if self.to.is_none() => Ask::Whole,
            (from, Some(head)) => {
                Ask::Rest { from, to: self.segments.next_start().or(self.to), head: head.clone() }
            }
            (_, None) if self.is_forgettable => Ask::Whole,
            (_, None) => return Err(error),
        };
        let now = Instant::now();
        // Servers close what a slow reader leaves waiting: cuts far from one another do not add up.
        if self.progress > 0 && self.attempts.are_past(now) {
            self.attempts.restore();
        }
        let pause = self.attempts.spend(error, now)?;
        self.client.meter().note_retry();
        if matches!(ask, Ask::Whole) {
            self.offset = 0;
        }
        (self.progress, self.rest, self.rate) = (0, None, Rate::default());
        self.state = State::Opening(open(&self.client, &self.source, ask, self.attempts.clone(), pause));
        Ok(())
    }
}

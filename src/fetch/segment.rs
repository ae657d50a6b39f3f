//! One segment of a long source: a ranged request whose bytes are read into memory before their turn, within what is
//! held for them.
//!
//! It is asked for once. What breaks it is kept with what came before, and is dealt with at its turn, by the rules for
//! any body that breaks: retries are made in one place, out of one budget of attempts.

use std::ops::{ControlFlow, Range};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::budget::Held;

use super::allowance::Lane;
use super::backlog::Backlog;
use super::body::Body;
use super::{Error, Opened};

/// The size of reads ahead, a bit below a power of two as all reads are: sources that are worth segments bring less at
/// once, and a chunk keeps the buffer that it was read into.
const READ: usize = (64 << 10) - 512;
/// Below this length chunks are joined, so that a segment takes little more than what is held for it.
const SMALL: usize = 48 << 10;
/// How many chunks are read before others have their turn: the front, which shares the task's time with all segments.
const AT_ONCE: usize = 8;

/// A request under way.
pub(super) type Opening = BoxFuture<'static, Result<Opened, Error>>;

/// A part of a source that is read ahead of its turn.
pub(super) struct Segment {
    /// The offset of its first byte.
    pub(super) start: u64,
    /// The offset behind its last byte.
    pub(super) end: u64,
    /// The offset behind the last byte that has come.
    received: u64,
    /// What has come and was not taken, in order.
    backlog: Backlog,
    progress: Progress,
    held: Held,
    /// The place of its connection, while there is one.
    lane: Option<Lane>,
}

/// How far a segment is.
pub(super) enum Progress {
    /// It is being asked for.
    Opening(Opening),
    /// It is being read; what comes ends at this offset.
    Reading(Body, u64),
    /// All that was announced has come.
    Ended,
    /// It broke.
    Broken(Error),
    /// What follows was given up, or never came: it is to be asked for anew.
    Missing,
}

impl Segment {
    /// Takes over a request for a part of a source, for whose length bytes are held.
    pub(super) fn new(part: Range<u64>, opening: Opening, held: Held, lane: Lane) -> Segment {
        let (start, end, backlog) = (part.start, part.end, Backlog::joining(SMALL));
        let progress = Progress::Opening(opening);
        Segment { start, end, received: start, backlog, progress, held, lane: Some(lane) }
    }

    /// Reads what has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        for _ in 0..AT_ONCE {
            self.progress = match &mut self.progress {
                Progress::Opening(opening) => match opening.poll_unpin(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(opened)) => match (opened.body, opened.end) {
                        (Some(body), Some(end)) => Progress::Reading(body, end),
                        (_, _) => Progress::Ended,
                    },
                    Poll::Ready(Err(error)) => Progress::Broken(error),
                },
                Progress::Reading(body, end) => match body.poll_read(cx, READ) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(Some(chunk))) => {
                        self.received += chunk.len() as u64;
                        if self.received <= *end {
                            self.backlog.push(chunk);
                            continue;
                        }
                        self.received -= chunk.len() as u64;
                        Progress::Broken(Error::Protocol("it sends more than it announced"))
                    }
                    Poll::Ready(Ok(None)) if self.received == *end => Progress::Ended,
                    Poll::Ready(Ok(None)) => Progress::Broken(Error::Truncated),
                    Poll::Ready(Err(error)) => Progress::Broken(error),
                },
                Progress::Ended | Progress::Broken(_) | Progress::Missing => return,
            };
            if !matches!(self.progress, Progress::Reading(..)) {
                self.lane = None;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Why the source did not begin to answer, where that says nothing against reading it by fewer connections.
    pub(super) fn refusal(&self) -> Option<&Error> {
        match &self.progress {
            Progress::Broken(Error::Changed(_) | Error::Protocol(_)) => None,
            Progress::Broken(error) if self.received == self.start => Some(error),
            Progress::Opening(_)
            | Progress::Reading(..)
            | Progress::Ended
            | Progress::Broken(_)
            | Progress::Missing => None,
        }
    }

    /// Begins its turn: from now on it is read as it is taken, and holds only what has come.
    pub(super) fn turn(&mut self) {
        self.lane = None;
        if self.refusal().is_some() {
            self.progress = Progress::Missing;
        }
        self.settle();
    }

    /// Takes the next bytes; at the end of what has come, how it goes on.
    pub(super) fn take(&mut self) -> ControlFlow<Progress, Bytes> {
        match self.backlog.pop() {
            Some(chunk) => {
                self.settle();
                ControlFlow::Continue(chunk)
            }
            None => ControlFlow::Break(std::mem::replace(&mut self.progress, Progress::Missing)),
        }
    }

    /// Gives up what begins behind an offset.
    pub(super) fn give_up_behind(&mut self, offset: u64) {
        let first = self.received - self.backlog.length();
        if self.received > offset && self.received > first {
            self.received = offset.max(first);
            self.backlog.truncate(self.received - first);
            self.progress = Progress::Missing;
        }
        self.settle();
    }

    /// Holds no more than what has come.
    fn settle(&mut self) {
        self.held.shrink_to(self.backlog.length());
    }
}

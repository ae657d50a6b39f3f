//! A request on its connection, until the last of its answer's body is handed over: what clocks are judged by.
//!
//! A piece that the body gave and that was not asked to be followed by another is waiting for the reader. Of HTTP/1 that is the
//! connection's affair, of HTTP/2 each stream's.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::body::Body;
use buf_list::BufList;
use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};

use super::stream::Reader;
use crate::api::Connection;

/// Octets of one piece on HTTP/2, where a piece is waited for until the last of it is under way: a reader at 1 KiB/s takes
/// as much in half a minute. What a source gave at once may be a megabyte.
const PIECE: usize = 32 * 1024;

/// Octets that are handed over at once to a fast reader of HTTP/1, where the body has them: one write for several short
/// files costs a tenth less than one for each.
const BATCH: usize = 256 * 1024;

/// Octets of a piece that is worth a write of its own: one that was just read is warm, and its reader waits.
const LONG: usize = 128 * 1024;

/// A reader that asks for more within this time is fast still.
const PROMPT: Duration = Duration::from_millis(100);

/// A request that is not over yet: it keeps its connection from being idle.
pub(super) struct Exchange(Connection);

impl Exchange {
    /// Notes that a request was read.
    pub(super) fn new(connection: Connection, is_stream: bool) -> Exchange {
        connection.note_request(is_stream);
        Exchange(connection)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.note_answered();
    }
}

/// An answer's body on its way.
pub(super) struct Answer {
    body: Body,
    exchange: Exchange,
    /// Who has not taken the last piece yet, and since when.
    holds_up: Option<(Taker, Instant)>,
    /// What the body gave and was not handed over yet.
    rest: BufList,
    /// How the body went on behind that, where it was asked.
    next: Option<Given>,
}

/// What a body gives: data, trailers, a failure or its end.
type Given = Option<Result<Frame<Bytes>, axum::Error>>;

/// Who takes a body's pieces.
enum Taker {
    Connection,
    Reader(Reader),
}

impl Answer {
    /// The body of the answer to a request.
    pub(super) fn new(body: Body, exchange: Exchange) -> Answer {
        Answer { body, exchange, holds_up: None, rest: BufList::new(), next: None }
    }

    /// Asks the body for what follows.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Given> {
        match self.next.take() {
            Some(next) => Poll::Ready(next),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    /// Adds what the body has at hand.
    fn fill(&mut self, cx: &mut Context<'_>) {
        while self.rest.num_bytes() < BATCH {
            match self.poll_body(cx) {
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                    self.rest.extend(frame.into_data());
                }
                Poll::Ready(next) => {
                    self.next = Some(next);
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// Hands over a piece of what there is.
    fn give(&mut self) -> BufList {
        match Reader::current() {
            Some(reader) => {
                reader.note_given();
                self.holds_up = Some((Taker::Reader(reader), Instant::now()));
                let length = self.rest.num_bytes().min(PIECE);
                BufList::from(self.rest.copy_to_bytes(length))
            }
            None => {
                self.exchange.0.note_held();
                self.holds_up = Some((Taker::Connection, Instant::now()));
                std::mem::take(&mut self.rest)
            }
        }
    }

    /// Notes that the last piece is taken; tells whether by a reader that is fast.
    fn release(&mut self) -> bool {
        match self.holds_up.take() {
            Some((Taker::Connection, since)) => {
                self.exchange.0.note_taken();
                self.exchange.0.is_fast() && since.elapsed() < PROMPT
            }
            Some((Taker::Reader(reader), _)) => {
                reader.note_taken();
                false
            }
            None => false,
        }
    }
}

impl http_body::Body for Answer {
    type Data = BufList;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<BufList>, axum::Error>>> {
        let this = self.get_mut();
        let is_fast = this.release();
        if !this.rest.has_remaining() {
            let frame = match ready!(this.poll_body(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            match frame.into_data() {
                Ok(data) => this.rest = BufList::from(data),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers.map_data(BufList::from)))),
            }
        }
        if is_fast && this.rest.num_bytes() < LONG {
            this.fill(cx);
        }
        Poll::Ready(Some(Ok(Frame::data(this.give()))))
    }

    fn is_end_stream(&self) -> bool {
        !self.rest.has_remaining() && self.next.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.num_bytes() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.release();
    }
}

//! A request on its connection, until the last of its answer's body is handed over: what clocks are judged by.
//!
//! A piece that the body gave and that was not asked to be followed by another is waiting for the reader. Of HTTP/1 that is the
//! connection's affair, of HTTP/2 each stream's.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::stream::Reader;
use crate::api::Connection;

/// Octets of one piece on HTTP/2, where a piece is waited for until the last of it is under way: a reader at 1 KiB/s takes
/// as much in half a minute. What a source gave at once may be a megabyte.
const PIECE: usize = 32 * 1024;

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
    /// Who has not taken the last piece yet.
    holds_up: Option<Taker>,
    /// What the body gave and was not handed over yet.
    rest: Bytes,
}

/// Who takes a body's pieces.
enum Taker {
    Connection,
    Reader(Reader),
}

impl Answer {
    /// The body of the answer to a request.
    pub(super) fn new(body: Body, exchange: Exchange) -> Answer {
        Answer { body, exchange, holds_up: None, rest: Bytes::new() }
    }

    /// Hands over a piece of what there is.
    fn give(&mut self) -> Bytes {
        match Reader::current() {
            Some(reader) => {
                reader.note_given();
                self.holds_up = Some(Taker::Reader(reader));
                self.rest.split_to(self.rest.len().min(PIECE))
            }
            None => {
                self.exchange.0.note_held();
                self.holds_up = Some(Taker::Connection);
                std::mem::take(&mut self.rest)
            }
        }
    }

    /// Notes that the last piece is taken.
    fn release(&mut self) {
        match self.holds_up.take() {
            Some(Taker::Connection) => self.exchange.0.note_taken(),
            Some(Taker::Reader(reader)) => reader.note_taken(),
            None => {}
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.release();
        if this.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.give()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
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

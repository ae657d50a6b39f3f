//! An archive as an HTTP answer.
//!
//! The body hands the archive's bytes on as they are. It counts them, because hyper cuts a body that exceeds
//! its announced length without a word; it tells the connection when a frame is not taken up; and
//! whatever its end, it leaves one line in the log. Failing means an error from `poll_frame`: hyper then
//! drops the connection without a last chunk, or resets the HTTP/2 stream.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, Version, header};
use http_body::{Frame, SizeHint};

use super::{Connection, outcome::Outcome};
use crate::archive;

/// Tells nginx and its like to pass the archive on as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An archive on its way to the client.
pub struct Download {
    /// The body.
    pub body: ArchiveBody,
    /// The value of `Content-Disposition`.
    pub disposition: HeaderValue,
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let fixed = [
            (header::CONTENT_DISPOSITION, self.disposition),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
        ];
        let length = self.body.length.map(|length| [(header::CONTENT_LENGTH, HeaderValue::from(length))]);
        (fixed, length, Body::new(self.body)).into_response()
    }
}

/// The bytes of an archive as a response's body.
pub struct ArchiveBody<S = archive::Stream> {
    hold: Hold,
    /// The last frame of an announced length, kept back until the stream has ended: hyper asks no more once
    /// the length is reached, and would not see an excess or a late failure.
    last: Option<Bytes>,
    length: Option<u64>,
    outcome: Outcome,
    sent: u64,
    state: State,
    stream: S,
}

/// How far a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ended,
    Running,
}

impl<S> ArchiveBody<S> {
    /// A body of `length` octets, if that is known, for a request of the given version.
    pub fn new(
        stream: S,
        length: Option<u64>,
        version: Version,
        connection: Connection,
        outcome: Outcome,
    ) -> ArchiveBody<S> {
        let delimited = length.is_none() && version <= Version::HTTP_10;
        // To such a client the close is the end: armed from the start, because hyper drops the socket
        // before the body.
        if delimited {
            connection.reset_on_close();
        }
        let hold = Hold { connection, delimited, holding: false };
        ArchiveBody { hold, last: None, length, outcome, sent: 0, state: State::Running, stream }
    }
}

impl<S> http_body::Body for ArchiveBody<S>
where
    S: Stream<Item = Result<Bytes, archive::Failure>> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        this.hold.release();
        let error = loop {
            if this.state == State::Ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                // hyper would write an empty chunk, which ends a chunked body.
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    this.sent += bytes.len() as u64;
                    match this.length {
                        Some(length) if this.sent > length => break Error::TooLong,
                        Some(length) if this.sent == length => this.last = Some(bytes),
                        _ => return Poll::Ready(Some(Ok(this.hold.frame(bytes, &mut this.outcome)))),
                    }
                }
                Some(Err(failure)) => break Error::Failed(failure),
                None if this.length.is_some_and(|length| this.sent < length) => break Error::TooShort,
                None => {
                    this.state = State::Ended;
                    this.hold.end();
                    this.outcome.note_end();
                    if let Some(bytes) = this.last.take() {
                        return Poll::Ready(Some(Ok(this.hold.frame(bytes, &mut this.outcome))));
                    }
                }
            }
        };
        this.state = State::Ended;
        this.outcome.note_failure(&error);
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended
    }

    fn size_hint(&self) -> SizeHint {
        let left = |length: u64| {
            let kept = self.last.as_ref().map_or(0, Bytes::len) as u64;
            SizeHint::with_exact(length.saturating_sub(self.sent) + kept)
        };
        self.length.map_or_else(SizeHint::new, left)
    }
}

/// Keeps the connection's count of frames that are not taken up.
struct Hold {
    connection: Connection,
    delimited: bool,
    holding: bool,
}

impl Hold {
    /// Hands out a frame.
    fn frame(&mut self, bytes: Bytes, outcome: &mut Outcome) -> Frame<Bytes> {
        outcome.note_sent(bytes.len());
        self.holding = true;
        self.connection.note_held();
        Frame::data(bytes)
    }

    fn release(&mut self) {
        if std::mem::take(&mut self.holding) {
            self.connection.note_taken();
        }
    }

    fn end(&mut self) {
        if self.delimited {
            self.connection.close_in_order();
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

/// Why an archive's body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive failed.
    #[error("the archive failed: {}", .0.reason)]
    Failed(archive::Failure),
    /// More bytes than announced: a fault of ours.
    #[error("the archive is longer than announced")]
    TooLong,
    /// Fewer bytes than announced: a fault of ours.
    #[error("the archive is shorter than announced")]
    TooShort,
}

//! An archive as an HTTP answer.
//!
//! The body hands the archive's bytes on as they are. It counts them, because hyper cuts a body that exceeds
//! its announced length without a word; it tells the connection how to close; and whatever its end, it
//! leaves one line in the log. Failing means an error from `poll_frame`: hyper then
//! drops the connection without a last chunk, or resets the HTTP/2 stream.

use std::{
    convert::Infallible,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::{Connection, outcome::Outcome};
use crate::{archive, limits};

/// Time for what was made before a failure to be written.
const LAST_WRITES: Duration = Duration::from_millis(50);

/// Tells nginx and its like to pass the archive on as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Says how many sources are left out.
pub(in crate::api) const X_ZIPSTREAM_SKIPPED: HeaderName = HeaderName::from_static("x-zipstream-skipped");

/// An archive, or a part of it, on its way to the client.
pub struct Download {
    /// The body.
    pub body: ArchiveBody,
    /// The value of `Content-Disposition`.
    pub disposition: HeaderValue,
    /// Its entity tag, where it can be had in parts.
    pub etag: Option<String>,
    /// Which part it is, and of how many octets; `None` is all of it.
    pub part: Option<(Range<u64>, u64)>,
    /// How many of its entries are left out, as far as that is known.
    pub skipped: usize,
}

/// An archive's headers without it, as HEAD asks for them.
pub struct Foretold {
    /// The value of `Content-Disposition`.
    pub disposition: HeaderValue,
    /// Its entity tag, where it can be had in parts.
    pub etag: Option<String>,
    /// Its length in octets, if it will be announced.
    pub length: Option<u64>,
}

/// The answer to a client that has the archive (RFC 9110 §15.4.5).
pub struct NotModified {
    /// The archive's entity tag.
    pub etag: String,
}

impl IntoResponse for NotModified {
    fn into_response(self) -> Response {
        let etag = HeaderValue::try_from(self.etag).ok().map(|etag| [(header::ETAG, etag)]);
        (StatusCode::NOT_MODIFIED, etag, unmeasured()).into_response()
    }
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let head = Foretold { disposition: self.disposition, etag: self.etag, length: self.body.length };
        let range = self.part.and_then(|(window, total)| {
            HeaderValue::try_from(format!("bytes {}-{}/{total}", window.start, window.end - 1)).ok()
        });
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let range = range.map(|range| [(header::CONTENT_RANGE, range)]);
        let skipped = (self.skipped > 0).then(|| [(X_ZIPSTREAM_SKIPPED, HeaderValue::from(self.skipped))]);
        (status, head, range, skipped, Body::new(self.body)).into_response()
    }
}

impl IntoResponse for Foretold {
    fn into_response(self) -> Response {
        (self, unmeasured()).into_response()
    }
}

/// A body of no known length in place of one that is not sent: to one that is known to be empty `Content-Length: 0` is added,
/// which would be said of the archive.
fn unmeasured() -> Body {
    Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
}

impl IntoResponseParts for Foretold {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        let headers = parts.headers_mut();
        headers.insert(header::CONTENT_DISPOSITION, self.disposition);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        if let Some(length) = self.length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(Ok(etag)) = self.etag.map(HeaderValue::try_from) {
            headers.insert(header::ETAG, etag);
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        Ok(parts)
    }
}

/// The bytes of an archive as a response's body.
pub struct ArchiveBody<S = archive::Stream> {
    /// The connection whose close is the end of this body.
    delimited: Option<Connection>,
    /// The last frame of an announced length, kept back until the stream has ended: hyper asks no more once
    /// the length is reached, and would not see an excess or a late failure.
    last: Option<Bytes>,
    length: Option<u64>,
    outcome: Outcome,
    _permit: Option<limits::Permit>,
    sent: u64,
    state: State,
    stream: S,
}

/// How far a body is.
#[derive(Debug)]
enum State {
    Ended,
    /// The archive has failed, which is said after a pause.
    Failing(Error, Pin<Box<Sleep>>),
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
        let delimited = (length.is_none() && version <= Version::HTTP_10).then_some(connection);
        // To such a client the close is the end: armed from the start, because hyper drops the socket
        // before the body.
        if let Some(connection) = &delimited {
            connection.reset_on_close();
        }
        ArchiveBody {
            delimited,
            last: None,
            length,
            outcome,
            _permit: None,
            sent: 0,
            state: State::Running,
            stream,
        }
    }

    /// Keeps a client's permit until the body is dropped.
    pub fn holding(self, permit: limits::Permit) -> ArchiveBody<S> {
        ArchiveBody { _permit: Some(permit), ..self }
    }

    /// Hands out a frame.
    fn frame(&mut self, bytes: Bytes) -> Frame<Bytes> {
        self.outcome.note_sent(bytes.len());
        Frame::data(bytes)
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
        let error = loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Failing(error, mut pause) => {
                    if pause.as_mut().poll(cx).is_pending() {
                        this.state = State::Failing(error, pause);
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Err(error)));
                }
                State::Running => this.state = State::Running,
            }
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                // hyper would write an empty chunk, which ends a chunked body.
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    this.sent += bytes.len() as u64;
                    match this.length {
                        Some(length) if this.sent > length => break Error::TooLong,
                        Some(length) if this.sent == length => this.last = Some(bytes),
                        _ => return Poll::Ready(Some(Ok(this.frame(bytes)))),
                    }
                }
                Some(Err(failure)) => break Error::Failed(failure),
                None if this.length.is_some_and(|length| this.sent < length) => break Error::TooShort,
                None => {
                    this.state = State::Ended;
                    if let Some(connection) = &this.delimited {
                        connection.close_in_order();
                    }
                    let last = this.last.take().map(|bytes| this.frame(bytes));
                    this.outcome.note_end();
                    if let Some(frame) = last {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        };
        this.outcome.note_failure(&error);
        // At an error hyper drops all that it has not written yet, even the answer's head, and the client would see
        // no answer at all. A body that is not ready makes HTTP/1 write first; of HTTP/2 another task writes, which
        // needs a moment.
        let mut pause = Box::pin(tokio::time::sleep(LAST_WRITES));
        // A timer that is new is not over; being asked, it wakes this body.
        let _ = pause.as_mut().poll(cx);
        this.state = State::Failing(error, pause);
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        let left = |length: u64| {
            let kept = self.last.as_ref().map_or(0, Bytes::len) as u64;
            SizeHint::with_exact(length.saturating_sub(self.sent) + kept)
        };
        self.length.map_or_else(SizeHint::new, left)
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

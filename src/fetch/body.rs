//! The body of one answer, which drives its connection while it is read, and gives it back at its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;

use super::Error;
use super::backlog::{Backlog, SMALL};
use super::connection::Connection;
use super::pool::Pool;

/// A body that is read chunk by chunk; dropping it before its end closes the connection.
pub(super) struct Body {
    incoming: Incoming,
    connection: Option<Connection>,
    home: Weak<Pool>,
    received: metrics::Counter,
    /// What was read before its turn, if anything was.
    peeked: Option<Box<Peeked>>,
}

/// The beginning of a body.
#[derive(Default)]
struct Peeked {
    backlog: Backlog,
    /// How the body ended behind them, if it did.
    ended: Option<Result<(), Error>>,
}

impl Body {
    /// A body whose bytes are counted in `received`.
    pub(super) fn new(
        incoming: Incoming,
        connection: Connection,
        home: Weak<Pool>,
        received: metrics::Counter,
    ) -> Body {
        Body { incoming, connection: Some(connection), home, received, peeked: None }
    }

    /// The length that the answer announced for this body, in bytes.
    pub(super) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Waits for the next chunk; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Protocol`] when the body does not end as it announced.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn chunk(&mut self, read_size: usize) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_read(cx, read_size)).await
    }

    /// Polls for the next chunk, as [`Body::chunk`] waits for it.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        read_size: usize,
    ) -> Poll<Result<Option<Bytes>, Error>> {
        if let Some(peeked) = &mut self.peeked {
            if let Some(chunk) = peeked.backlog.pop() {
                return Poll::Ready(Ok(Some(chunk)));
            }
            if let Some(ended) = self.peeked.take().and_then(|peeked| peeked.ended) {
                return Poll::Ready(ended.map(|()| None));
            }
        }
        let copied = |chunk: Bytes| if chunk.len() < SMALL { Bytes::copy_from_slice(&chunk) } else { chunk };
        self.poll_fresh(cx, read_size).map_ok(|chunk| chunk.map(copied))
    }

    /// Reads ahead until `most` bytes are at hand or the body ends, and gives what is at hand; all of it will be read at
    /// its turn.
    ///
    /// # Errors
    /// When the body breaks before; its turn will say so too.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn peek(&mut self, most: usize) -> Result<Vec<Bytes>, Error> {
        loop {
            let peeked = self.peeked.get_or_insert_default();
            let length = peeked.backlog.length() as usize;
            match &peeked.ended {
                None if length < most => {}
                Some(Err(error)) if length < most => return Err(error.clone()),
                Some(_) | None => return Ok(peeked.backlog.all()),
            }
            let fresh = poll_fn(|cx| self.poll_fresh(cx, most)).await;
            let peeked = self.peeked.get_or_insert_default();
            match fresh {
                Ok(Some(chunk)) => peeked.backlog.push(chunk),
                Ok(None) => peeked.ended = Some(Ok(())),
                Err(error) => peeked.ended = Some(Err(error)),
            }
        }
    }

    fn poll_fresh(&mut self, cx: &mut Context<'_>, read_size: usize) -> Poll<Result<Option<Bytes>, Error>> {
        if let Some(connection) = &self.connection {
            connection.set_read(read_size);
        }
        self.poll_chunk(cx)
    }

    /// Reads the body to its end for the sake of its connection, where that costs little.
    pub(super) fn recycle(mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        // A chunk or two that have already arrived: the answer to a request of one byte, an error page.
        for _ in 0..4 {
            match self.poll_chunk(&mut cx) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None) | Err(_)) | Poll::Pending => return,
            }
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            let frame = match (Pin::new(&mut self.incoming).poll_frame(cx), &mut self.connection) {
                (Poll::Pending, Some(connection)) => {
                    connection.drive(cx);
                    match Pin::new(&mut self.incoming).poll_frame(cx) {
                        Poll::Pending if connection.is_over() => {
                            return Poll::Ready(Err(Error::Truncated));
                        }
                        frame => std::task::ready!(frame),
                    }
                }
                (frame, _) => std::task::ready!(frame),
            };
            match frame {
                // Trailers are no part of the file.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => {
                        self.received.increment(chunk.len() as u64);
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => return Poll::Ready(Err(Error::of_exchange(&error))),
                None => {
                    self.release();
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    fn release(&mut self) {
        if let (Some(connection), Some(pool)) = (self.connection.take(), self.home.upgrade()) {
            pool.put(connection);
        }
    }
}

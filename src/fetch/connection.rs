//! One HTTP/1.1 connection, driven by whoever waits for its answer.
//!
//! hyper hands out a connection as a future to be spawned. Here it is polled in place, by the exchange and then by
//! the body: the bytes cross no task, and nothing reads from the socket unless somebody wants them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::Origin;

use super::Error;
use super::transport::{Aperture, Stream, Transport};

/// The largest read that hyper's buffer grows to.
const BUFFER_MAX: usize = 1 << 20;
/// The most that an answer's head may measure; more than any real source sends.
const HEAD_MAX: usize = 64 << 10;

/// A connection that carries one exchange at a time.
pub(super) struct Connection {
    origin: Origin,
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<Transport>, Empty<Bytes>>>>,
    aperture: Aperture,
    over: bool,
}

impl Connection {
    /// Speaks HTTP/1.1 to an origin over a stream.
    pub(super) async fn new(stream: Stream, origin: Origin) -> hyper::Result<Connection> {
        let (transport, aperture) = Transport::new(stream);
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(BUFFER_MAX)
            .max_header_size(HEAD_MAX)
            .handshake(TokioIo::new(transport))
            .await?;
        Ok(Connection { origin, sender, driver: Box::pin(driver), aperture, over: false })
    }

    /// Whom it leads to.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a connection that is not idle; it must be dropped too.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the connection ends first, [`Error::Protocol`] when the head is not sound.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        let mut answer = pin!(self.sender.send_request(request));
        let (driver, over) = (&mut self.driver, &mut self.over);
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|error| Error::of_exchange(&error)));
            }
            drive(driver, over, cx);
            match answer.as_mut().poll(cx) {
                // hyper leaves a request that it never took in its queue when the connection ends in order.
                Poll::Pending if *over => Poll::Ready(Err(Error::Truncated)),
                answer => answer.map_err(|error| Error::of_exchange(&error)),
            }
        })
        .await
    }

    /// Lets the connection read and write.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.over, cx);
    }

    /// Whether the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the connection may carry another exchange at this moment.
    ///
    /// It reads what has arrived since: an end or bytes that nobody asked for make it unusable.
    pub(super) fn is_idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.over && self.sender.is_ready()
    }

    /// Sets the size of the next reads.
    pub(super) fn set_read(&self, bytes: usize) {
        self.aperture.set(bytes);
    }
}

fn drive(
    driver: &mut Pin<Box<http1::Connection<TokioIo<Transport>, Empty<Bytes>>>>,
    over: &mut bool,
    cx: &mut Context<'_>,
) {
    // A future must not be polled again once it is ready. Its error reaches the exchange or the body as well.
    if !*over && driver.as_mut().poll(cx).is_ready() {
        *over = true;
    }
}

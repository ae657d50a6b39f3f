//! The bytes below HTTP: a TCP or TLS stream whose reads are as large as the reader's pace is worth.
//!
//! hyper asks for as much as its buffer holds, and grows that buffer as long as reads fill it: one fast second
//! would leave a slow reader with a large buffer for good. So the size of a read is decided here. TLS is read
//! record by record (16 KiB); here several are gathered into one read, and the socket below is read 64 KiB at a
//! time, since rustls itself asks for 4 KiB.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The size of reads until somebody sets another: a head with a body of 64 KiB, the most that is inlined by default.
const FIRST_READ: usize = 66 << 10;
/// The read buffer below TLS: four records.
const TLS_READ: usize = 64 << 10;

/// A TCP stream, or a TLS stream over a buffered one.
pub(super) enum Stream {
    /// `http:`
    Plain(TcpStream),
    /// `https:`
    Tls(Box<TlsStream<BufReader<TcpStream>>>),
}

impl Stream {
    /// Puts the buffer that TLS needs over a socket.
    pub(super) fn buffered(tcp: TcpStream) -> BufReader<TcpStream> {
        BufReader::with_capacity(TLS_READ, tcp)
    }

    /// Has the answer acknowledged as it comes. A socket that has just sent counts as interactive: it delays
    /// acknowledgements by 40 ms, and with them the window that the last bytes of a short answer may be waiting for.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn acknowledge_at_once(&self) {
        let tcp = match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0.get_ref(),
        };
        // Without it the answer is late, not wrong.
        let _ = tcp.set_quickack(true);
    }

    /// Other kernels are left alone.
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    fn acknowledge_at_once(&self) {}
}

/// The size of a transport's reads, in bytes, set by whoever reads from it.
#[derive(Clone, Debug)]
pub(super) struct Aperture(Arc<AtomicUsize>);

impl Aperture {
    /// Sets the size of the next reads.
    pub(super) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// A stream read through an aperture.
pub(super) struct Transport {
    stream: Take<Stream>,
    aperture: Aperture,
    /// The aperture of the last read; none since a request was written.
    last_read: Option<usize>,
    /// What failed behind bytes that were gathered: a stream that has told it once may tell of an end then.
    failure: Option<io::Error>,
}

impl Transport {
    /// Wraps a stream; the aperture sets the size of its reads from then on.
    pub(super) fn new(stream: Stream) -> (Transport, Aperture) {
        let aperture = Aperture(Arc::new(AtomicUsize::new(FIRST_READ)));
        let stream = stream.take(0);
        (Transport { stream, aperture: aperture.clone(), last_read: None, failure: None }, aperture)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        let aperture = self.aperture.0.load(Ordering::Relaxed);
        // A new answer, or one that waited in the kernel and is wanted now.
        if self.last_read.replace(aperture) != Some(aperture) {
            self.stream.get_ref().acknowledge_at_once();
        }
        let limit = aperture.min(buf.remaining());
        let end = buf.filled().len() + limit;
        let plain = matches!(self.stream.get_ref(), Stream::Plain(_));
        loop {
            let before = buf.filled().len();
            self.stream.set_limit((end - before) as u64);
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            let (none_yet, progress) = (before + limit == end, buf.filled().len() > before);
            match read {
                // One read of a socket brings all there is; a TLS stream brings one record.
                Poll::Ready(Ok(())) if progress && !plain && buf.filled().len() < end => continue,
                // What was gathered counts.
                Poll::Pending if !none_yet => return Poll::Ready(Ok(())),
                Poll::Ready(Err(failure)) if !none_yet => {
                    self.failure = Some(failure);
                    return Poll::Ready(Ok(()));
                }
                read => return read,
            }
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.last_read = None;
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

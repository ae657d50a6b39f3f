//! A client's socket that keeps its connection's record, and closes as the connection says.
//!
//! A pass-through: vectored writes stay vectored, and a write costs one look at the clock.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::api::Connection;

/// The socket of one client.
pub(super) struct Socket {
    connection: Connection,
    /// Whether the kernel itself ends a connection whose peer takes nothing.
    kernel_clock: bool,
    /// Whether everything was written and the end was sent in order.
    shut: bool,
    stream: TcpStream,
}

impl Socket {
    /// Wraps a fresh socket; `patience` is how long its peer may take nothing.
    ///
    /// The kernel keeps that clock where it can (`TCP_USER_TIMEOUT`), for only it sees what the peer acknowledges. From
    /// here a slow reader cannot be told from one that stopped: a send buffer of megabytes becomes writable again
    /// only after a third of it is gone, which takes a reader at 1 KiB/s longer than any sensible patience.
    pub(super) fn new(stream: TcpStream, connection: Connection, patience: Duration) -> Socket {
        // Frames are written whole: waiting to fill a segment only delays the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let kernel_clock = keep_time(&SockRef::from(&stream), patience);
        Socket { connection, kernel_clock, shut: false, stream }
    }

    /// Whether the kernel judges a socket that takes nothing.
    pub(super) fn kernel_clock(&self) -> bool {
        self.kernel_clock
    }

    /// Notes what a write came to.
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.connection.note_pending(),
            Poll::Ready(Ok(count)) => self.connection.note_written(*count),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

/// Asks the kernel to keep the clock; says whether it does.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn keep_time(socket: &SockRef<'_>, patience: Duration) -> bool {
    socket.set_tcp_user_timeout(Some(patience)).is_ok()
}

/// Other kernels keep no such clock.
#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn keep_time(_: &SockRef<'_>, _: Duration) -> bool {
    false
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, from);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ends the answer. A connection that is to be reset must not send its FIN first; one that lingers is read
    /// until the client closes (the server's periodic look ends that).
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.resets(true) {
            return Poll::Ready(Ok(()));
        }
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
            self.connection.note_shut();
        }
        while self.connection.lingers() {
            let mut scrap = [0; 4096];
            let mut scrap = ReadBuf::new(&mut scrap);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scrap))?;
            if scrap.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.resets(self.shut)
            && let Err(error) = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
        {
            tracing::warn!(%error, "a broken answer may look whole to an HTTP/1.0 client");
        }
    }
}

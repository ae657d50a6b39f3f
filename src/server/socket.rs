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

/// Octets the kernel may hold that were not sent yet. A reader's progress shows when half of them are gone: 32 KiB, which
/// a reader at 1 KiB/s takes within a minute. Without this bound a send buffer grows to megabytes and becomes writable
/// again only after a third of it is gone, so that a slow reader cannot be told from one that stopped.
/// (`TCP_USER_TIMEOUT` is no way out: Linux 6.18 was seen to end connections of readers at 64 KiB/s with it.)
const UNSENT: u32 = 64 * 1024;

/// The same once a reader has shown that it is fast: with 64 KiB it would have to be waited for after every write, at
/// a cost of 15 % of its speed. Should it become slow, half of this is no measure any more; `Socket::insist` is.
const UNSENT_FAST: u32 = 1024 * 1024;

/// Octets of a write that is tried though the socket does not say that it takes more: the kernel takes more than it has
/// room for, and what it took too much shows as no progress for as long.
const TRIED: usize = 32 * 1024;

/// What a reader takes before it may count as fast, in octets: far more than the kernels on both sides hold.
const FAST_AFTER: u64 = 16 * 1024 * 1024;

/// The pace of a fast reader, in octets a second.
const FAST: u64 = 1024 * 1024;

/// The socket of one client.
pub(super) struct Socket {
    connection: Connection,
    /// Whether everything was written and the end was sent in order.
    shut: bool,
    stream: TcpStream,
    /// Octets written while the reader has not shown that it is fast.
    taken: Option<u64>,
}

impl Socket {
    /// Wraps a fresh socket.
    pub(super) fn new(stream: TcpStream, connection: Connection) -> Socket {
        // Frames are written whole: waiting to fill a segment only delays the last one.
        if let Err(error) =
            stream.set_nodelay(true).and_then(|()| bound_unsent(&SockRef::from(&stream), UNSENT))
        {
            tracing::debug!(%error, "a socket cannot be set up");
        }
        Socket { connection, shut: false, stream, taken: Some(0) }
    }

    /// Notes what a write came to.
    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.connection.note_pending(),
            Poll::Ready(Ok(count)) => {
                self.connection.note_written(*count);
                self.judge_pace(*count as u64);
            }
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Tries a write that the runtime lets wait, when the connection is looked at. The kernel calls a socket writable once half of
    /// what it may hold unsent is gone, but takes more as soon as anything is: a reader that was fast and has become slow is
    /// told from one that stopped by that only.
    fn insist(&self, written: Poll<io::Result<usize>>, from: &[u8]) -> Poll<io::Result<usize>> {
        if written.is_ready() || !self.connection.tries_to_write() {
            return written;
        }
        match SockRef::from(&self.stream).send(&from[..from.len().min(TRIED)]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Poll::Pending
            }
            outcome => Poll::Ready(outcome),
        }
    }

    /// Lets the kernel hold more for a reader that turns out to be fast.
    fn judge_pace(&mut self, count: u64) {
        let Some(taken) = self.taken.as_mut() else { return };
        *taken += count;
        if *taken >= FAST_AFTER && taken.div_ceil(FAST) >= self.connection.age().as_secs() {
            self.taken = None;
            self.connection.note_fast();
            if let Err(error) = bound_unsent(&SockRef::from(&self.stream), UNSENT_FAST) {
                tracing::debug!(%error, "a socket cannot be set up");
            }
        }
    }
}

/// Bounds what the kernel holds unsent.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn bound_unsent(socket: &SockRef<'_>, octets: u32) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(octets)
}

/// Other kernels are left alone.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bound_unsent(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Ok(())
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
        let written = self.insist(written, from);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        let first = from.iter().find(|slice| !slice.is_empty());
        let written = self.insist(written, first.map_or(&[], |slice| slice));
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
            let mut scrap = [0; 16 * 1024];
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

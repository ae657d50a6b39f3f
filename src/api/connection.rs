//! What the API and the server tell each other about the connection a request came on.
//!
//! hyper hides two things: what a client's answers are waiting for, and from the API how a socket is to be
//! closed. Both are a few atomics here, written on the way of every frame: no timer, no lock.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU8, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

/// Writes below this size (octets) do not count as progress: HTTP/2 answers pings and settings with frames
/// of 9 to 57 octets, also while the reader takes nothing of its archive.
const CONTROL: usize = 64;

/// Set when the answer that is being sent must not end with an orderly close.
const RESET: u8 = 1;
/// Set when only the close tells the client where the answer ends.
const DELIMITED: u8 = 2;
/// Set when a request may have been refused with its body unread.
const LINGER: u8 = 4;
/// Set while a request's body is not read to its end.
const UNREAD: u8 = 8;

/// A client's connection, as its requests and its socket see it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Since when the connection stands: the zero of its times.
    born: Instant,
    /// How the socket is to be closed: `RESET`, `DELIMITED`, `LINGER`, `UNREAD`.
    closing: AtomicU8,
    /// Whether the service has cut it off, since its own time is over.
    cut: AtomicBool,
    /// Whether its reader has shown that it is fast.
    fast: AtomicBool,
    /// HTTP/1 bodies that gave a frame and have not been asked for another since: one at most, but for the change from one to
    /// the next.
    held: AtomicUsize,
    /// Milliseconds from birth to the last progress.
    moved: AtomicU64,
    /// Requests that are not answered to the end.
    open: AtomicUsize,
    /// The address at its other end.
    peer: IpAddr,
    /// Whether the socket took less than it was given.
    pending: AtomicBool,
    /// Whether a request has been read.
    requested: AtomicBool,
    /// Milliseconds from birth to the end of the last answer.
    rested: AtomicU64,
    /// Milliseconds from birth to the end of writing; zero before.
    shut: AtomicU64,
    /// Whether its requests are streams (HTTP/2).
    streams: AtomicBool,
    /// Whether a write is to be tried though the socket did not say that it takes more.
    tries: AtomicBool,
}

/// What holds an answer back, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// A body's frame has not been taken up.
    pub held: bool,
    /// The socket's buffer is full.
    pub pending: bool,
    /// Time since anything moved.
    pub quiet: Duration,
}

impl Connection {
    /// A connection that was just accepted from `peer`.
    pub fn new(peer: IpAddr) -> Connection {
        Connection(Arc::new(Shared {
            born: Instant::now(),
            closing: AtomicU8::new(0),
            cut: AtomicBool::new(false),
            fast: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            peer,
            pending: AtomicBool::new(false),
            requested: AtomicBool::new(false),
            rested: AtomicU64::new(0),
            shut: AtomicU64::new(0),
            streams: AtomicBool::new(false),
            tries: AtomicBool::new(false),
        }))
    }

    /// The address at its other end: a client's, or a proxy's.
    pub fn peer(&self) -> IpAddr {
        self.0.peer
    }

    /// Makes the socket end with a TCP reset, until `close_in_order` is called: for answers whose end is the close,
    /// since a cut one would look whole.
    pub fn reset_on_close(&self) {
        self.0.closing.fetch_or(RESET | DELIMITED, Relaxed);
    }

    /// Takes `reset_on_close` back: the answer is whole. What is still unsent when the connection is dropped
    /// makes it a reset nevertheless.
    pub fn close_in_order(&self) {
        self.0.closing.fetch_and(!RESET, Relaxed);
    }

    /// Makes the socket read on for a moment after it was closed for writing. A close with unread bytes is a
    /// reset, which can take the answer away before the client has read it.
    pub fn linger_on_close(&self) {
        self.0.closing.fetch_or(LINGER, Relaxed);
    }

    /// Notes whether a request of HTTP/1 has a body that is still to be read.
    pub fn note_body(&self, is_unread: bool) {
        match is_unread {
            true => self.0.closing.fetch_or(UNREAD, Relaxed),
            false => self.0.closing.fetch_and(!UNREAD, Relaxed),
        };
    }

    /// Whether the body of its request is not read to its end: no other request can be read behind it.
    pub fn has_unread(&self) -> bool {
        self.0.closing.load(Relaxed) & UNREAD != 0
    }

    /// Whether the socket is to be reset now, when `in_order` says that all was sent and shut down.
    pub fn resets(&self, in_order: bool) -> bool {
        let closing = self.0.closing.load(Relaxed);
        closing & RESET != 0 || (closing & DELIMITED != 0 && !in_order)
    }

    /// Whether the socket is to read on after its end.
    pub fn lingers(&self) -> bool {
        self.0.closing.load(Relaxed) & LINGER != 0
    }

    /// Notes that the service cuts it off, since its own time is over.
    pub fn note_cut(&self) {
        self.0.cut.store(true, Relaxed);
    }

    /// Whether the service has cut it off.
    pub fn is_cut(&self) -> bool {
        self.0.cut.load(Relaxed)
    }

    /// Notes that a request was read, as one of many streams or not. A client of streams says all the time how much more it
    /// takes: a close would find some of that unread.
    pub fn note_request(&self, is_stream: bool) {
        if is_stream {
            self.linger_on_close();
        }
        self.0.open.fetch_add(1, Relaxed);
        self.0.streams.store(is_stream, Relaxed);
        self.0.requested.store(true, Relaxed);
    }

    /// Notes that a request was answered, or given up.
    pub fn note_answered(&self) {
        self.0.rested.store(self.now(), Relaxed);
        // Whoever sees that none is open sees the time above, too.
        self.0.open.fetch_sub(1, Release);
    }

    /// Time since the last of its streams ended, if it had some and has none. (Of HTTP/1 hyper keeps this clock.) What is written
    /// says nothing here: pings are answered as long as they come.
    pub fn idle_for(&self) -> Option<Duration> {
        let is_idle = self.0.streams.load(Relaxed) && self.0.open.load(Acquire) == 0;
        is_idle.then(|| self.age().saturating_sub(Duration::from_millis(self.0.rested.load(Relaxed))))
    }

    /// Notes that the socket took `count` octets.
    pub fn note_written(&self, count: usize) {
        if count >= CONTROL {
            self.note_moved();
        }
        self.0.pending.store(false, Relaxed);
    }

    /// Notes that the socket takes no more for now.
    pub fn note_pending(&self) {
        self.0.pending.store(true, Relaxed);
    }

    /// Notes that its reader has shown that it is fast.
    pub fn note_fast(&self) {
        self.0.fast.store(true, Relaxed);
    }

    /// Whether its reader has shown that it is fast; it may have become slow since.
    pub fn is_fast(&self) -> bool {
        self.0.fast.load(Relaxed)
    }

    /// Has the next write tried though the socket did not say that it takes more, if that is what is waited for.
    pub fn try_to_write(&self) {
        self.0.tries.store(self.0.pending.load(Relaxed), Relaxed);
    }

    /// Whether a write is to be tried, once.
    pub fn tries_to_write(&self) -> bool {
        self.0.tries.swap(false, Relaxed)
    }

    /// Notes that a body gave a frame.
    pub fn note_held(&self) {
        self.note_moved();
        self.0.held.fetch_add(1, Relaxed);
    }

    /// Notes that a body that gave a frame was asked again, or is gone.
    pub fn note_taken(&self) {
        self.0.held.fetch_sub(1, Relaxed);
    }

    /// Notes that all was written and the end was sent.
    pub fn note_shut(&self) {
        self.0.shut.store(self.now().max(1), Relaxed);
    }

    /// Time since the end was sent, if it was.
    pub fn shut_for(&self) -> Option<Duration> {
        let shut = self.0.shut.load(Relaxed);
        (shut > 0).then(|| self.age().saturating_sub(Duration::from_millis(shut)))
    }

    /// Whether a request was ever read.
    pub fn requested(&self) -> bool {
        self.0.requested.load(Relaxed)
    }

    /// Time since the connection was accepted.
    pub fn age(&self) -> Duration {
        self.0.born.elapsed()
    }

    /// What holds its answers back now.
    pub fn stall(&self) -> Stall {
        let quiet = self.age().saturating_sub(Duration::from_millis(self.0.moved.load(Relaxed)));
        Stall { held: self.0.held.load(Relaxed) > 0, pending: self.0.pending.load(Relaxed), quiet }
    }

    fn note_moved(&self) {
        self.0.moved.store(self.now(), Relaxed);
    }

    /// Milliseconds since birth.
    fn now(&self) -> u64 {
        u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX)
    }
}

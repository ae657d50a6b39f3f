//! A long source read by several connections at once, each a segment of it, put in order again.
//!
//! ```text
//! ├───── front ─────┤├──── segment ────┤├──── segment ────┤├ …
//!  taken as it comes   read into memory, within bytes held
//! ```
//! It begins with one connection. Each 200 ms in which the source was waited for more than half of the time, and brought
//! less by each connection than one nearby would, double them, up to `fetch.segments` and to what the budget grants; a
//! segment is what a connection brings in about a second. Where the reader is waited for, nothing is added; each second in
//! which it is, what lies farther than it comes in two is given up. A refusal (429, 503, no connection) means fewer; a URL
//! that would lapse before the last request means one, which goes on past that moment.
//!
//! Whoever waits for the front's bytes drives all: no task, and no copy, stands between a source and its reader.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::descriptor::HttpSource;
use crate::plan::Head;

use super::answer::unix_now;
use super::rate::Gauge;
use super::segment::{Progress, Segment};
use super::{Client, signature_end};

/// The rate of a connection, in bytes a second, from which on others are not worth it: a busy machine's own loopback
/// brings more, an object store's connection less.
const FAST: u64 = 128 << 20;
/// How many segments a source must measure to be read by more than one connection.
const LONG: u64 = 4;
/// The least length of a segment, in bytes: a request for less costs more than it brings.
const SEGMENT_MIN: u64 = 256 << 10;
/// How often it is looked whether the reader still comes near.
const TICK: Duration = Duration::from_secs(1);
/// How many times as far as it came in the last tick a reader is trusted to come.
const REACH: u64 = 2;
/// How long a source that refused a connection is not asked for more.
const QUIET: Duration = Duration::from_secs(10);
/// How long one is not that refused for good: longer than a source takes.
const FOR_GOOD: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is read of a source ahead of the reader's position.
#[derive(Default)]
pub(super) struct Segments {
    gauge: Gauge,
    /// What the source brought in a second when it was last waited for: by all connections, and by each.
    rate: (u64, u64),
    running: Option<(Arc<Mutex<Ahead>>, AbortOnDropHandle<()>)>,
}

/// Where segments come from.
pub(super) struct Span<'a> {
    pub(super) client: &'a Client,
    pub(super) source: &'a Arc<HttpSource>,
    pub(super) head: &'a Head,
    /// The offset behind the front, or behind what has come of it.
    pub(super) from: u64,
    /// Whether somebody reads on from there: then room is left before the first segment.
    pub(super) is_open: bool,
    /// The offset behind the last byte that will be needed.
    pub(super) to: u64,
}

/// The segments, in order.
struct Ahead {
    /// The segment whose turn has come, as long as bytes of it lie here.
    current: Option<Segment>,
    queue: VecDeque<Segment>,
    /// How many connections are wanted, the front's included.
    wanted: usize,
    /// Until when no more connections are opened.
    quiet: Option<Instant>,
    /// The reader's position.
    offset: u64,
    /// For how long the reader has waited in all, and since when it does now.
    waited: Duration,
    asking: Option<Instant>,
    /// What `waited` and `offset` were at the last tick.
    mark: (Duration, u64),
}

impl Segments {
    /// Waits for the front while everything behind it is read.
    ///
    /// # Cancel safety
    /// That of `front`.
    pub(super) async fn beside<T>(&self, front: impl Future<Output = T>) -> T {
        let Some((ahead, _)) = &self.running else { return front.await };
        let mut front = pin!(front);
        let _asking = Asking::start(ahead);
        poll_fn(|cx| {
            lock(ahead).poll(cx);
            front.as_mut().poll(cx)
        })
        .await
    }

    /// Takes the next bytes of the segment whose turn it is, or learns how it goes on behind them.
    pub(super) async fn take(&self) -> ControlFlow<Progress, Bytes> {
        let Some((ahead, _)) = &self.running else { return ControlFlow::Break(Progress::Missing) };
        poll_fn(|cx| {
            let mut ahead = lock(ahead);
            ahead.poll(cx);
            let current = ahead.current.as_mut();
            let taken = current.map_or(ControlFlow::Break(Progress::Missing), Segment::take);
            if taken.is_break() {
                ahead.current = None;
            }
            Poll::Ready(taken)
        })
        .await
    }

    /// Notes where the reader's position will be; when the next segment's turn comes there, how many bytes of it the front
    /// has read in vain.
    pub(super) fn turn(&self, offset: u64) -> Option<u64> {
        let mut ahead = lock(&self.running.as_ref()?.0);
        let over = ahead.queue.front().and_then(|next| offset.checked_sub(next.start));
        if over.is_some() {
            ahead.current = ahead.queue.pop_front();
            ahead.current.iter_mut().for_each(Segment::turn);
        }
        ahead.offset = offset - over.unwrap_or(0);
        over
    }

    /// The offset behind the segment whose turn it is, as long as bytes of it lie here.
    pub(super) fn current_end(&self) -> Option<u64> {
        lock(&self.running.as_ref()?.0).current.as_ref().map(|current| current.end)
    }

    /// Where the next segment begins.
    pub(super) fn next_start(&self) -> Option<u64> {
        lock(&self.running.as_ref()?.0).queue.front().map(|next| next.start)
    }

    /// Notes bytes that were `asked` for and have come; says whether the source is worth more connections.
    pub(super) fn note(&mut self, bytes: u64, asked: Instant) -> bool {
        let Some(rate) = self.gauge.note(bytes, asked, Instant::now()) else { return false };
        let open = 1 + self.running.as_ref().map_or(0, |(ahead, _)| lock(ahead).queue.len());
        self.rate = (rate, rate / open as u64);
        self.rate.1 < FAST
    }

    /// Opens segments, as many as are wanted, or more to `grow`.
    pub(super) fn fill(&mut self, span: &Span<'_>, grow: bool) {
        let config = span.client.config();
        let Some(allowance) = span.client.allowance().filter(|_| config.segments > 1) else { return };
        let is_short = span.head.length.is_none_or(|length| length / LONG < config.segment_size.0);
        if is_short || !self.is_in_time(span) {
            return;
        }
        let (ahead, _) = self.running.get_or_insert_with(|| start(span.from));
        let size = self.rate.1.max(SEGMENT_MIN).min(config.segment_size.0);
        let mut ahead = lock(ahead);
        if grow && ahead.quiet.is_none_or(|until| until <= Instant::now()) {
            ahead.wanted = 2 * (ahead.queue.len() + 1);
        }
        while ahead.queue.len() + 1 < ahead.wanted.min(config.segments) {
            let room = if span.is_open { size } else { 0 };
            let from = ahead.queue.back().map_or(span.from.saturating_add(room), |last| last.end);
            let to = from.saturating_add(size).min(span.to);
            if from >= to {
                return;
            }
            let Some(lane) = allowance.lane(config.per_host) else { return };
            let Some(held) = allowance.hold(to - from) else { return };
            let (client, source, head) = (span.client.clone(), Arc::clone(span.source), span.head.clone());
            let opening = Box::pin(async move { client.open_beside(&source, from..to, head).await });
            ahead.queue.push_back(Segment::new(from..to, opening, held, lane));
        }
    }

    /// Whether the source's URL is good for requests until the last one is made, at the rate seen.
    fn is_in_time(&self, span: &Span<'_>) -> bool {
        let Some(end) = signature_end(&span.source.url) else { return true };
        let left = u64::try_from(end - unix_now()).unwrap_or(0);
        span.to.saturating_sub(span.from) / self.rate.0.max(1) < left
    }
}

impl Ahead {
    fn poll(&mut self, cx: &mut Context<'_>) {
        self.queue.iter_mut().for_each(|segment| segment.poll(cx));
        // Behind the last there is nothing to keep its place for; another one is asked for again at its turn.
        while let Some(error) = self.queue.back().and_then(Segment::refusal) {
            let pause = if error.is_transient() { QUIET } else { FOR_GOOD };
            self.quiet = Some(Instant::now() + pause);
            self.queue.pop_back();
            self.wanted = self.queue.len() + 1;
        }
    }

    /// Gives up what the reader does not come near, where it is not the source that is waited for.
    fn give_up(&mut self, now: Instant) {
        let waited = self.waited + self.asking.map_or(Duration::ZERO, |since| now - since);
        let (waited_before, offset_before) = std::mem::replace(&mut self.mark, (waited, self.offset));
        if (waited - waited_before) * 2 >= TICK {
            return;
        }
        let reach = self.offset + REACH * self.offset.saturating_sub(offset_before);
        let near = self.queue.partition_point(|segment| segment.start <= reach);
        if near < self.queue.len() {
            self.queue.truncate(near);
            self.wanted = near + 1;
        }
        self.current.iter_mut().for_each(|current| current.give_up_behind(reach));
    }
}

/// Starts the watch over what is read ahead; it ends with the handle.
fn start(offset: u64) -> (Arc<Mutex<Ahead>>, AbortOnDropHandle<()>) {
    let ahead = Ahead {
        current: None,
        queue: VecDeque::new(),
        wanted: 1,
        quiet: None,
        offset,
        waited: Duration::ZERO,
        asking: None,
        mark: (Duration::ZERO, offset),
    };
    let ahead = Arc::new(Mutex::new(ahead));
    let watch = tokio::spawn(watch(Arc::downgrade(&ahead)));
    (ahead, AbortOnDropHandle::new(watch))
}

/// Looks after a reader that nobody polls.
async fn watch(ahead: Weak<Mutex<Ahead>>) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(ahead) = ahead.upgrade() else { return };
        lock(&ahead).give_up(Instant::now());
    }
}

/// The reader's waiting, which ends with this.
struct Asking<'a>(&'a Mutex<Ahead>);

impl Asking<'_> {
    fn start(ahead: &Mutex<Ahead>) -> Asking<'_> {
        lock(ahead).asking = Some(Instant::now());
        Asking(ahead)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut ahead = lock(self.0);
        let waited = ahead.asking.take().map_or(Duration::ZERO, |since| since.elapsed());
        ahead.waited += waited;
    }
}

fn lock(ahead: &Mutex<Ahead>) -> MutexGuard<'_, Ahead> {
    // It is whole between any two statements, so another thread's panic spoils nothing.
    ahead.lock().unwrap_or_else(PoisonError::into_inner)
}

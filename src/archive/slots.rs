//! What an archive holds ahead, entry by entry, and the watch that gives it up when nobody comes for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::{AbortHandle, BoxFuture, abortable};
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;

use crate::budget::{Demand, Held};
use crate::fetch;

use super::chunk::Chunk;
use super::drivers::Drivers;

/// How long look-ahead may wait for its reader to come near.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(500);

/// A source's bytes, got before their turn.
pub(super) enum Ahead {
    /// The whole body, at hand.
    Gathered(Vec<Chunk>),
    /// An open answer whose body waits in the kernel.
    Open(Box<fetch::Opened>),
}

/// An entry's index, and which request for it this is: one that was given up may end after another was made.
type Serial = (usize, u64);

/// What is done for the entries of one archive ahead of their turn, by index.
pub(super) struct Slots {
    state: Mutex<State>,
    demand: Arc<Demand>,
    /// Gives up what the reader does not come near, from the first slot on.
    watch: OnceLock<AbortOnDropHandle<()>>,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<usize, Slot>,
    /// How many slots hold a whole body.
    gathered: usize,
    /// How many requests were made.
    requests: u64,
    /// Who waits for an entry whose turn has come.
    taker: Option<Waker>,
    /// The lowest index that was given up since somebody asked.
    given_up: Option<usize>,
}

struct Slot {
    content: Content,
    /// What was held for it at first.
    bytes: u64,
    since: Instant,
}

impl Slot {
    fn is_gathered(&self) -> bool {
        matches!(self.content, Content::Ready(Ahead::Gathered(_), _))
    }
}

enum Content {
    Opening(AbortHandle, u64),
    Ready(Ahead, Held),
}

impl Slots {
    /// Makes empty slots for a reader of this pace.
    pub(super) fn new(demand: Arc<Demand>) -> Arc<Slots> {
        Arc::new(Slots { state: Mutex::default(), demand, watch: OnceLock::new() })
    }

    /// Keeps what was got of an entry's source.
    pub(super) fn keep(self: &Arc<Self>, index: usize, ahead: Ahead, held: Held) {
        let bytes = held.bytes();
        let slot = Slot { content: Content::Ready(ahead, held), bytes, since: Instant::now() };
        let mut state = self.lock();
        state.gathered += usize::from(slot.is_gathered());
        state.slots.insert(index, slot);
        drop(state);
        self.be_watched();
    }

    /// Has a request for an entry's source driven, for which `bytes` are held; where it comes to nothing, it is made again
    /// at its turn, with all its attempts. It is boxed by who makes it: to move it would be to copy kilobytes.
    pub(super) fn open(
        self: &Arc<Self>,
        drivers: &Drivers,
        index: usize,
        bytes: u64,
        opening: impl FnOnce(Unsettled) -> BoxFuture<'static, ()>,
    ) {
        let mut state = self.lock();
        state.requests += 1;
        let number = state.requests;
        let unsettled = Unsettled { slots: Arc::downgrade(self), serial: (index, number) };
        let (request, handle) = abortable(opening(unsettled));
        let slot = Slot { content: Content::Opening(handle, number), bytes, since: Instant::now() };
        state.slots.insert(index, slot);
        // Only now: it may be settled at once, or be dropped unsettled, which takes the lock.
        drop(state);
        self.be_watched();
        drivers.drive(request);
    }

    fn be_watched(self: &Arc<Self>) {
        let watching = || tokio::spawn(watch(Arc::downgrade(self), Arc::clone(&self.demand)));
        self.watch.get_or_init(|| AbortOnDropHandle::new(watching()));
    }

    /// Takes what was got of an entry's source, once it is there; `None` where nothing was done for it.
    pub(super) fn poll_take(&self, index: usize, cx: &mut Context<'_>) -> Poll<Option<(Ahead, Held)>> {
        let mut state = self.lock();
        let slot = state.slots.remove(&index);
        state.gathered -= usize::from(slot.as_ref().is_some_and(Slot::is_gathered));
        match slot {
            Some(Slot { content: Content::Ready(ahead, held), .. }) => Poll::Ready(Some((ahead, held))),
            Some(slot) => {
                // Its turn has come: it is not given up any more.
                state.slots.insert(index, Slot { bytes: 0, since: Instant::now() + 2 * PATIENCE, ..slot });
                state.taker = Some(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }

    /// Whether something is done for an entry.
    pub(super) fn holds(&self, index: usize) -> bool {
        self.lock().slots.contains_key(&index)
    }

    /// How many connections are open ahead: a body that is at hand needs none.
    pub(super) fn connections(&self) -> usize {
        let state = self.lock();
        state.slots.len() - state.gathered
    }

    /// The lowest index that was given up since this was last asked.
    pub(super) fn take_given_up(&self) -> Option<usize> {
        self.lock().given_up.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so another thread's panic spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes what a request came to.
    fn settle(&mut self, (index, request): Serial, opened: Option<(Ahead, Held)>) {
        let slot = self.slots.get_mut(&index);
        let slot = slot.filter(|slot| matches!(slot.content, Content::Opening(_, asked) if asked == request));
        match (opened, slot) {
            (Some((ahead, held)), Some(slot)) => {
                slot.content = Content::Ready(ahead, held);
                self.gathered += usize::from(slot.is_gathered());
            }
            (None, Some(_)) => drop(self.slots.remove(&index)),
            (_, None) => return,
        }
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }

    /// Gives up what its reader does not come near in time: all behind as many bytes as it took lately.
    fn give_up(&mut self, taken: u64, now: Instant) {
        let mut before = 0;
        let (given_up, gathered) = (&mut self.given_up, &mut self.gathered);
        self.slots.retain(|&index, slot| {
            before += slot.bytes;
            let stays = before <= taken || now.saturating_duration_since(slot.since) < PATIENCE;
            if !stays {
                *given_up = Some(given_up.map_or(index, |lowest| lowest.min(index)));
                *gathered -= usize::from(slot.is_gathered());
                if let Content::Opening(handle, _) = &slot.content {
                    handle.abort();
                }
            }
            stays
        });
        if self.given_up.is_some()
            && let Some(taker) = self.taker.take()
        {
            taker.wake();
        }
    }
}

/// Gives up what an archive's reader does not come near.
async fn watch(slots: Weak<Slots>, demand: Arc<Demand>) {
    const MARKS: usize = (PATIENCE.as_millis() / TICK.as_millis()) as usize;
    let mut marks = [0; MARKS];
    let mut ticks = interval(TICK);
    for tick in (0..MARKS).cycle() {
        ticks.tick().await;
        let Some(slots) = slots.upgrade() else { return };
        let taken = demand.taken();
        slots.lock().give_up(taken - std::mem::replace(&mut marks[tick], taken), Instant::now());
    }
}

/// A request that was not told yet what it comes to; dropped so, it came to nothing.
pub(super) struct Unsettled {
    slots: Weak<Slots>,
    serial: Serial,
}

impl Unsettled {
    /// Tells what it came to.
    pub(super) fn settle(&mut self, opened: Option<(Ahead, Held)>) {
        if let Some(slots) = std::mem::take(&mut self.slots).upgrade() {
            slots.lock().settle(self.serial, opened);
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.settle(None);
    }
}

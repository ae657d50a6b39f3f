//! What an archive holds ahead, entry by entry, and the watch that gives it up when nobody comes for it.
//!
//! Requests made ahead are driven by a few tasks beside the archive's own, so that all cores have work and a reader that
//! stopped holds nothing up; a task for each request was measured to cost a third more CPU time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable, BoxFuture, abortable};
use futures_util::stream::FuturesUnordered;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;

use crate::budget::{Demand, Held};
use crate::fetch;

/// How long look-ahead may wait for its reader to come near.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(500);

/// How many tasks drive an archive's requests. One alone would be run by the thread that has just seen answers come, as
/// would the archive's own which it wakes, and the runtime would wake no other thread for either: two were measured to
/// take 7 % off the time of small files, and three no more.
const DRIVERS: usize = 2;

/// A source's bytes, got before their turn.
pub(super) enum Ahead {
    /// The whole body, at hand.
    Gathered(Vec<Bytes>),
    /// An open answer whose body waits in the kernel.
    Open(Box<fetch::Opened>),
}

/// What a request ahead comes to; a failed one is made again at its turn, with all its attempts.
pub(super) type Opened = (Serial, Option<(Ahead, Held)>);

/// A request on its way: boxed where it is made, since it is kilobytes that would be moved.
type Opening = Abortable<BoxFuture<'static, Opened>>;

/// An entry's index, and which request for it this is: one that was given up may end after another was made.
pub(super) type Serial = (usize, u64);

/// What is done for the entries of one archive ahead of their turn, by index.
pub(super) struct Slots {
    state: Mutex<State>,
    /// To the drivers, which take turns.
    drivers: Vec<UnboundedSender<Opening>>,
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
    /// Makes empty slots and starts the tasks behind them, which end with their handles.
    pub(super) fn start(demand: Arc<Demand>) -> (Arc<Slots>, Vec<AbortOnDropHandle<()>>) {
        let (drivers, queues): (Vec<_>, Vec<_>) = (0..DRIVERS).map(|_| unbounded_channel()).unzip();
        let slots = Arc::new(Slots { state: Mutex::default(), drivers });
        let weak = || Arc::downgrade(&slots);
        let driving = queues.into_iter().map(|requests| tokio::spawn(drive(weak(), requests)));
        let tasks = driving.chain([tokio::spawn(watch(weak(), demand))]);
        let tasks = tasks.map(AbortOnDropHandle::new).collect();
        (slots, tasks)
    }

    /// Keeps what was got of an entry's source.
    pub(super) fn keep(&self, index: usize, ahead: Ahead, held: Held) {
        let bytes = held.bytes();
        let slot = Slot { content: Content::Ready(ahead, held), bytes, since: Instant::now() };
        let mut state = self.lock();
        state.gathered += usize::from(slot.is_gathered());
        state.slots.insert(index, slot);
    }

    /// Takes over a request for an entry's source, for which `bytes` are held; it is told which it is.
    pub(super) fn open(
        &self,
        index: usize,
        bytes: u64,
        opening: impl FnOnce(Serial) -> BoxFuture<'static, Opened>,
    ) {
        let mut state = self.lock();
        state.requests += 1;
        let request = state.requests;
        let (opening, handle) = abortable(opening((index, request)));
        let slot = Slot { content: Content::Opening(handle, request), bytes, since: Instant::now() };
        state.slots.insert(index, slot);
        drop(state);
        // Without a driver the runtime is ending, and the archive with it.
        _ = self.driver(request).send(opening);
    }

    /// Takes what was got of an entry's source, once it is there; `None` where nothing was done for it.
    pub(super) fn poll_take(&self, index: usize, cx: &mut Context<'_>) -> Poll<Option<(Ahead, Held)>> {
        let mut state = self.lock();
        let slot = state.slots.remove(&index);
        state.gathered -= usize::from(slot.as_ref().is_some_and(Slot::is_gathered));
        match slot {
            Some(Slot { content: Content::Ready(ahead, held), .. }) => Poll::Ready(Some((ahead, held))),
            // Nobody drives it any more: it is made anew at its turn.
            Some(Slot { content: Content::Opening(_, request), .. }) if self.driver(request).is_closed() => {
                Poll::Ready(None)
            }
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

    /// Who drives a request.
    fn driver(&self, request: u64) -> &UnboundedSender<Opening> {
        &self.drivers[request as usize % DRIVERS]
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

/// Drives requests made ahead, until there is nobody who makes any.
async fn drive(slots: Weak<Slots>, requests: UnboundedReceiver<Opening>) {
    // Dropped in the reverse order: whoever is woken by the farewell finds the channel closed.
    let _farewell = Farewell(slots.clone());
    let mut requests = requests;
    let mut openings = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(opening) = openings.next() => {
                // One that was aborted has no slot any more.
                let Ok((serial, opened)) = opening else { continue };
                let Some(slots) = slots.upgrade() else { return };
                slots.lock().settle(serial, opened);
            }
            request = requests.recv() => match request {
                Some(request) => openings.push(request),
                None => return,
            },
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

/// Wakes who waits when a driver ends, however it ends.
struct Farewell(Weak<Slots>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let taker = self.0.upgrade().and_then(|slots| slots.lock().taker.take());
        taker.into_iter().for_each(Waker::wake);
    }
}

//! What an archive holds ahead, entry by entry, and the watch that gives it up when nobody comes for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::budget::{Demand, Held};
use crate::fetch;

/// How long look-ahead may wait for its reader to come near.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(500);

/// A source's bytes, got before their turn.
pub(super) enum Ahead {
    /// The whole body, at hand.
    Gathered(Vec<Bytes>),
    /// An open answer whose body waits in the kernel.
    Open(Box<fetch::Opened>),
}

/// What is done for one entry ahead of its turn.
pub(super) enum Slot {
    /// Its source is being asked.
    Opening(AbortOnDropHandle<Option<(Ahead, Held)>>),
    /// Its source has answered.
    Ready(Ahead, Held),
}

/// The slots of one archive, by the entry's index.
pub(super) struct Slots(Mutex<BTreeMap<usize, Watched>>);

struct Watched {
    slot: Slot,
    bytes: u64,
    since: Instant,
}

impl Slots {
    /// Makes an empty set.
    pub(super) fn new() -> Arc<Slots> {
        Arc::new(Slots(Mutex::default()))
    }

    /// Puts what is done for an entry, which holds at most `bytes`.
    pub(super) fn put(&self, index: usize, slot: Slot, bytes: u64) {
        self.lock().insert(index, Watched { slot, bytes, since: Instant::now() });
    }

    /// Takes what is done for an entry at its turn.
    pub(super) fn take(&self, index: usize) -> Option<Slot> {
        self.lock().remove(&index).map(|held| held.slot)
    }

    /// Whether something is done for an entry.
    pub(super) fn holds(&self, index: usize) -> bool {
        self.lock().contains_key(&index)
    }

    /// How many entries something is done for, and how many bytes that holds at most.
    pub(super) fn load(&self) -> (usize, u64) {
        let slots = self.lock();
        (slots.len(), slots.values().map(|held| held.bytes).sum())
    }

    /// Gives up what its reader does not come near in time: all behind as many bytes as it took lately.
    fn give_up(&self, taken: u64, now: Instant) {
        let mut before = 0;
        self.lock().retain(|_, held| {
            before += held.bytes;
            before <= taken || now.duration_since(held.since) < PATIENCE
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Watched>> {
        // The map is whole between any two statements, so another thread's panic spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches an archive's look-ahead until it is gone; it must not wait for the reader, who may never come.
pub(super) async fn watch(slots: Weak<Slots>, demand: Arc<Demand>) {
    const MARKS: usize = (PATIENCE.as_millis() / TICK.as_millis()) as usize;
    let mut marks = [0; MARKS];
    for tick in (0..MARKS).cycle() {
        tokio::time::sleep(TICK).await;
        let Some(slots) = slots.upgrade() else { return };
        let taken = demand.taken();
        slots.give_up(taken - std::mem::replace(&mut marks[tick], taken), Instant::now());
    }
}

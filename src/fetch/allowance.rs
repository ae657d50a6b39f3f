//! What one archive may hold and open beside what its current entry needs: handed in by the archive, spent here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::budget::{Budget, Held};

/// The part of the budget, one in so many, that segments leave to others: to look-ahead, which asks for little at a time.
const LEFT: u64 = 8;

/// One archive's bytes and connections for reading ahead; clones are one allowance.
#[derive(Clone)]
pub struct Allowance {
    budget: Arc<Budget>,
    /// How many connections the archive has open ahead for other entries.
    others: Arc<dyn Fn() -> usize + Send + Sync>,
    /// How many connections segments have open beside that of the current entry.
    open: Arc<AtomicUsize>,
}

/// The place of one more connection; dropping it frees the place.
pub struct Lane(Arc<AtomicUsize>);

impl Allowance {
    /// Allows what `budget` grants, and connections beside the `others` that the archive counts itself.
    pub fn new(budget: Arc<Budget>, others: impl Fn() -> usize + Send + Sync + 'static) -> Allowance {
        Allowance { budget, others: Arc::new(others), open: Arc::default() }
    }

    /// Whether `per_host` allows one more connection beside the current entry's and `more` that are under way.
    pub(super) fn has_room(&self, per_host: usize, more: usize) -> bool {
        self.fits(per_host, self.open.load(Ordering::Relaxed) + more)
    }

    /// Holds a segment's bytes.
    pub(super) fn hold(&self, bytes: u64) -> Option<Held> {
        self.budget.try_hold_leaving(bytes, self.budget.total() / LEFT)
    }

    /// Takes the place of one more connection, where `per_host` allows it.
    pub(super) fn lane(&self, per_host: usize) -> Option<Lane> {
        // Counted first: readers of several sources may ask at once while these are looked at.
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let lane = Lane(Arc::clone(&self.open));
        self.fits(per_host, open).then_some(lane)
    }

    /// Whether one more connection fits beside the current entry's, the other entries' and `more`.
    fn fits(&self, per_host: usize, more: usize) -> bool {
        (self.others)() + more + 2 <= per_host
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

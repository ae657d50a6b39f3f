//! Bytes that may be held ahead: one account for the process, and the pace of each archive's reader.
//!
//! A byte counts as held from the moment it is asked for until it is written or given back, even while it
//! still lies in the kernel: what was asked for can arrive at any time.

mod demand;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use demand::{Crowd, Demand, Pace};

/// An account of bytes held ahead, maybe within a larger one.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    held: AtomicU64,
    parent: Option<Arc<Budget>>,
}

impl Budget {
    /// Makes an account that never lets more than `total` bytes be held.
    pub fn new(total: u64) -> Arc<Budget> {
        Arc::new(Budget { total, held: AtomicU64::new(0), parent: None })
    }

    /// Makes an account within this one: what it holds is held here too.
    pub fn child(self: &Arc<Budget>, total: u64) -> Arc<Budget> {
        Arc::new(Budget { total, held: AtomicU64::new(0), parent: Some(Arc::clone(self)) })
    }

    /// Holds `bytes`, or nothing at all where they do not fit.
    pub fn try_hold(self: &Arc<Budget>, bytes: u64) -> Option<Held> {
        self.try_hold_leaving(bytes, 0)
    }

    /// Holds `bytes`, or nothing at all where they do not fit beside `left` bytes for others.
    pub fn try_hold_leaving(self: &Arc<Budget>, bytes: u64, left: u64) -> Option<Held> {
        self.add(bytes, left).then(|| Held { budget: Arc::clone(self), bytes })
    }

    fn add(&self, bytes: u64, left: u64) -> bool {
        let most = self.total.saturating_sub(left);
        let fits = |held: u64| held.checked_add(bytes).filter(|&sum| sum <= most);
        if self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_err() {
            return false;
        }
        let granted = self.parent.as_ref().is_none_or(|parent| parent.add(bytes, left));
        if !granted {
            self.held.fetch_sub(bytes, Ordering::AcqRel);
        }
        granted
    }

    fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
        if let Some(parent) = &self.parent {
            parent.give_back(bytes);
        }
    }

    /// The bytes held at this moment.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }

    /// The most that may be held.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// Bytes that are held; dropping it gives them back.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Held {
    /// The bytes this holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back all but `bytes`; holding less than that already changes nothing.
    pub fn shrink_to(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        self.bytes -= back;
        self.budget.give_back(back);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_dropped_comes_back() {
        let budget = Budget::new(100);
        let mut first = budget.try_hold(60).expect("60 of 100 fit");
        assert!(budget.try_hold(41).is_none());
        first.shrink_to(10);
        assert_eq!(budget.held(), 10);
        first.shrink_to(50);
        assert_eq!(first.bytes(), 10);
        let second = budget.try_hold(90).expect("90 beside 10 fit");
        drop((first, second));
        assert_eq!(budget.held(), 0);
        assert!(budget.try_hold(u64::MAX).is_none());
        assert!(budget.try_hold_leaving(91, 10).is_none());
        assert!(budget.child(100).try_hold_leaving(90, 10).is_some());
    }

    #[test]
    fn what_a_part_holds_the_whole_holds_too() {
        let whole = Budget::new(100);
        let (one, two) = (whole.child(80), whole.child(80));
        let held = one.try_hold(70).expect("70 fit into both");
        assert!(one.try_hold(20).is_none(), "the part is full");
        assert!(two.try_hold(40).is_none(), "the whole is full");
        assert_eq!((one.held(), two.held(), whole.held()), (70, 0, 70));
        drop(held);
        assert_eq!((one.held(), whole.held()), (0, 0));
    }
}

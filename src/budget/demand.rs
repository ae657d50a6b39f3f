//! How fast the reader of one archive takes what it is given.
//!
//! Look-ahead and read sizes follow it: a fast reader is worth large reads and a deep look-ahead, a slow one
//! must cost a small buffer and nothing more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The smallest read: what a slow reader costs, twice over.
const READ_MIN: u64 = 32 << 10;
/// The largest read: measured as the point where larger ones stop saving CPU time.
const READ_MAX: u64 = 1 << 20;
/// A read is at most this part of what was taken since the reader last paused: what the kernels on both sides swallow
/// of an answer that nobody reads is some 100 KiB (the server bounds what may lie unsent), and says nothing yet.
const READ_PART: u64 = 8;
/// By how much a read is smaller than a power of two: a read that fills hyper's buffer doubles it, and every chunk
/// keeps the whole buffer that it was read into.
const READ_SHORT: u64 = 512;
/// A reader that lets us wait this long between two pieces is not a fast one (any more).
const PAUSE: Duration = Duration::from_millis(100);
/// The window over which the pace is taken.
const WINDOW: Duration = Duration::from_secs(1);

/// The pace of one archive's reader.
///
/// One task notes what was taken; others may read the sum.
#[derive(Debug)]
pub struct Demand {
    /// Bytes taken since the start.
    taken: AtomicU64,
    /// Bytes taken at the reader's last pause.
    paused_at: AtomicU64,
}

impl Default for Demand {
    fn default() -> Self {
        Demand { taken: AtomicU64::new(0), paused_at: AtomicU64::new(0) }
    }
}

impl Demand {
    /// Notes that the reader took `bytes`, and came back for more after `pause`.
    pub fn note(&self, bytes: u64, pause: Duration) {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if pause > PAUSE {
            self.paused_at.store(taken, Ordering::Relaxed);
        }
    }

    /// The bytes taken since the start.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many bytes the next read of a source should ask the kernel for.
    pub fn read_size(&self) -> usize {
        // Another thread may note a pause between the two loads.
        let run = self.taken().saturating_sub(self.paused_at.load(Ordering::Relaxed));
        let power = (run / READ_PART).clamp(READ_MIN, READ_MAX).next_power_of_two().min(READ_MAX);
        (power - READ_SHORT) as usize
    }
}

/// What a reader took in about the last second.
#[derive(Debug)]
pub struct Pace {
    started: Instant,
    mark: Instant,
    mark_taken: u64,
    last: u64,
}

impl Pace {
    /// Starts to measure at `now`.
    pub fn new(now: Instant) -> Pace {
        Pace { started: now, mark: now, mark_taken: 0, last: 0 }
    }

    /// The bytes taken in about the second before `now`, or `None` during the first second.
    pub fn last_second(&mut self, now: Instant, taken: u64) -> Option<u64> {
        let elapsed = now - self.mark;
        if elapsed >= WINDOW {
            let run = (taken - self.mark_taken) as f64;
            self.last = (run / elapsed.as_secs_f64()) as u64;
            (self.mark, self.mark_taken) = (now, taken);
        }
        (now - self.started >= WINDOW).then_some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_grow_with_what_was_taken_and_shrink_after_a_pause() {
        let demand = Demand::default();
        assert_eq!(demand.read_size(), (32 << 10) - 512);
        demand.note(512 << 10, Duration::ZERO);
        assert_eq!(demand.read_size(), (64 << 10) - 512);
        demand.note(200 << 20, Duration::ZERO);
        assert_eq!(demand.read_size(), (1 << 20) - 512);
        demand.note(1 << 20, Duration::from_millis(101));
        assert_eq!(demand.read_size(), (32 << 10) - 512);
    }

    #[test]
    fn the_pace_is_unknown_for_a_second_and_then_that_of_the_last_one() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.last_second(start + Duration::from_millis(999), 10 << 20), None);
        assert_eq!(pace.last_second(start + Duration::from_secs(2), 10 << 20), Some(5 << 20));
        assert_eq!(pace.last_second(start + Duration::from_secs(4), 10 << 20), Some(0));
    }
}

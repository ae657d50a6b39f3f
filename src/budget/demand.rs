//! How fast the reader of one archive takes what it is given.
//!
//! Look-ahead and read sizes follow it: a fast reader is worth large reads and a deep look-ahead, a slow one
//! must cost a small buffer and nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The smallest read: what a slow reader costs, twice over.
const READ_MIN: u64 = 32 << 10;
/// The largest read: measured as the point where larger ones stop saving CPU time. Fast readers share it, for what all
/// of them read is to be written while it lies in the processor's cache.
const READ_MAX: u64 = 1 << 20;
/// The largest read however many share: smaller ones were measured to save nothing more.
const READ_SHARED: u64 = 256 << 10;
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

/// How many readers, of all archives, are fast at this moment.
#[derive(Debug, Default)]
pub struct Crowd(AtomicU64);

/// The pace of one archive's reader.
///
/// One task notes what was taken; others may read the sum.
#[derive(Debug, Default)]
pub struct Demand {
    /// The fast ones, this one among them while it is.
    crowd: Arc<Crowd>,
    is_fast: AtomicBool,
    /// Bytes taken since the start.
    taken: AtomicU64,
    /// Bytes taken at the reader's last pause.
    paused_at: AtomicU64,
}

impl Demand {
    /// Starts with a reader of unknown pace, among those of other archives.
    pub fn among(crowd: &Arc<Crowd>) -> Demand {
        let crowd = Arc::clone(crowd);
        Demand {
            crowd,
            is_fast: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            paused_at: AtomicU64::new(0),
        }
    }

    /// Notes that the reader took `bytes`, and came back for more after `pause`.
    pub fn note(&self, bytes: u64, pause: Duration) {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if pause > PAUSE {
            self.paused_at.store(taken, Ordering::Relaxed);
        }
        self.count(self.run() >= READ_PART * READ_SHARED);
    }

    /// The bytes taken since the last pause.
    fn run(&self) -> u64 {
        // Another thread may note a pause between the two loads.
        self.taken().saturating_sub(self.paused_at.load(Ordering::Relaxed))
    }

    /// Counts this reader as a fast one, or does not.
    fn count(&self, is_fast: bool) {
        match (self.is_fast.swap(is_fast, Ordering::Relaxed), is_fast) {
            (false, true) => _ = self.crowd.0.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.crowd.0.fetch_sub(1, Ordering::Relaxed),
            (true, true) | (false, false) => {}
        }
    }

    /// The bytes taken since the start.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many bytes the next read of a source should ask the kernel for.
    pub fn read_size(&self) -> usize {
        let most = (READ_MAX / self.crowd.0.load(Ordering::Relaxed).max(1)).max(READ_SHARED);
        let power = (self.run() / READ_PART).clamp(READ_MIN, most).next_power_of_two();
        (power - READ_SHORT) as usize
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.count(false);
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
    fn fast_readers_share_the_largest_read() {
        let crowd = Arc::default();
        let [fast, faster, slow] = [(); 3].map(|()| Demand::among(&crowd));
        fast.note(8 << 20, Duration::ZERO);
        slow.note(1 << 20, Duration::ZERO);
        assert_eq!(fast.read_size(), (1 << 20) - 512);
        faster.note(8 << 20, Duration::ZERO);
        assert_eq!(fast.read_size(), (512 << 10) - 512);
        let others: Vec<_> = (0..9).map(|_| Demand::among(&crowd)).collect();
        others.iter().for_each(|other| other.note(8 << 20, Duration::ZERO));
        assert_eq!(fast.read_size(), (256 << 10) - 512);
        drop(others);
        faster.note(1, PAUSE * 2);
        assert_eq!(fast.read_size(), (1 << 20) - 512);
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

//! Counts in the memory of this node: governor's, one limiter for each quota and rate.
//!
//! Memory stays bounded: what is as good as new is swept as others spend, and beyond [`MOST`] clients at once the
//! new ones share buckets. So many appear only in an attack from many networks; after it they are swept by the minute.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock, QuantaInstant, Reference},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

use super::{Counts, Quota, Rate, Spent};
use crate::state;

/// Clients that one limiter counts by themselves; about 150 bytes each.
const MOST: usize = 100_000;

/// Buckets that clients beyond those share.
const SHARED: u64 = 1024;

/// Fewest spendings between two sweeps.
const SWEEP: usize = 1024;

/// The least time between two sweeps of a limiter that is full: its new clients share buckets meanwhile.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts of this node.
#[derive(Default)]
pub struct Memory {
    limiters: Mutex<HashMap<(Quota, Rate), Arc<Limiter>>>,
}

impl Memory {
    /// Spends one unit of a client's quota, if there is one.
    pub(super) fn count(&self, client: &str, quota: Quota, rate: Rate) -> Spent {
        let Some(limit) = NonZeroU32::new(rate.limit) else {
            return Spent { granted: false, remaining: 0, reset: rate.window };
        };
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter =
            limiters.entry((quota, rate)).or_insert_with(|| Arc::new(Limiter::new(limit, rate.window)));
        let limiter = Arc::clone(limiter);
        drop(limiters);
        limiter.spend(client)
    }

    /// Gives a unit back that was granted.
    pub(super) fn uncount(&self, client: &str, quota: Quota, rate: Rate) {
        let limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiters.get(&(quota, rate)).cloned();
        drop(limiters);
        if let Some(limiter) = limiter {
            limiter.give_back(client);
        }
    }

    /// How many clients are held in memory.
    pub fn clients(&self) -> usize {
        let limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.values().map(|limiter| limiter.arrivals.lock().len()).sum()
    }
}

impl Counts for Memory {
    async fn spend(&self, client: &str, quota: Quota, rate: Rate) -> Result<Spent, state::Error> {
        Ok(self.count(client, quota, rate))
    }

    async fn give_back(&self, client: &str, quota: Quota, rate: Rate) -> Result<(), state::Error> {
        self.uncount(client, quota, rate);
        Ok(())
    }
}

/// The count of one quota at one rate.
struct Limiter {
    arrivals: Arrivals,
    governor: RateLimiter<String, Arrivals, DefaultClock, StateInformationMiddleware>,
    hasher: RandomState,
    /// The zero of the arrivals.
    start: QuantaInstant,
    /// The time in which one unit comes back.
    unit: Duration,
    /// The least time between two sweeps while it is full.
    pause: Duration,
    /// When it was last swept, in nanoseconds from the start.
    swept: AtomicU64,
    /// Spendings until the next sweep.
    until_sweep: AtomicUsize,
}

impl Limiter {
    fn new(limit: NonZeroU32, window: Duration) -> Limiter {
        let (arrivals, clock) = (Arrivals::default(), DefaultClock::default());
        let unit = (window / limit.get()).max(Duration::from_nanos(1));
        // Only a period of nothing is none, and a unit is longer.
        let quota = governor::Quota::with_period(unit).unwrap_or(governor::Quota::per_hour(limit));
        let start = clock.now();
        let governor = RateLimiter::new(quota.allow_burst(limit), arrivals.clone(), clock);
        let (swept, until_sweep) = (AtomicU64::new(0), AtomicUsize::new(SWEEP));
        let hasher = RandomState::new();
        Limiter { arrivals, governor, hasher, start, unit, pause: PAUSE, swept, until_sweep }
    }

    fn spend(&self, client: &str) -> Spent {
        self.sweep();
        let client = self.arrivals.bucket(client, &self.hasher);
        match self.governor.check_key(&client) {
            Ok(state) => {
                let reset = self.reset(&client);
                Spent { granted: true, remaining: state.remaining_burst_capacity(), reset }
            }
            Err(refusal) => {
                let reset = refusal.wait_time_from(self.governor.clock().now());
                Spent { granted: false, remaining: 0, reset }
            }
        }
    }

    /// Takes one unit off a client's arrival. Spendings add one each, so it does not matter which came in between.
    fn give_back(&self, client: &str) {
        let client = self.arrivals.bucket(client, &self.hasher);
        if let Some(arrival) = self.arrivals.lock().get_mut(&client) {
            *arrival = arrival.saturating_sub(self.unit_nanos());
        }
    }

    fn unit_nanos(&self) -> u64 {
        u64::try_from(self.unit.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Time until a client has one unit more. What others spend meanwhile moves its arrival by whole units, which
    /// makes no difference here.
    fn reset(&self, client: &str) -> Duration {
        let now = self.now();
        let ahead = self.arrivals.lock().get(client).map_or(0, |arrival| arrival.saturating_sub(now));
        match ahead % self.unit_nanos() {
            0 => self.unit,
            rest => Duration::from_nanos(rest),
        }
    }

    /// Nanoseconds from the start.
    fn now(&self) -> u64 {
        self.governor.clock().now().duration_since(self.start).into()
    }

    /// Lets go of what is as good as new, as often as it costs little for each spending.
    fn sweep(&self) {
        if self.until_sweep.fetch_sub(1, Relaxed) == 1 || self.is_long_full() {
            self.swept.store(self.now(), Relaxed);
            self.governor.retain_recent();
            self.until_sweep.store(self.arrivals.lock().len().max(SWEEP), Relaxed);
        }
    }

    /// Whether new clients have shared buckets for a while; one of those that ask is told so.
    fn is_long_full(&self) -> bool {
        let (now, swept) = (self.now(), self.swept.load(Relaxed));
        u128::from(now.saturating_sub(swept)) >= self.pause.as_nanos()
            && self.arrivals.lock().len() >= MOST
            && self.swept.compare_exchange(swept, now, Relaxed, Relaxed).is_ok()
    }
}

/// When each client's next unit would be due at an even pace (GCRA's theoretical arrival time), in nanoseconds.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<HashMap<String, u64>>>);

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        // Every change is a single insertion.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the bucket that a client spends from.
    fn bucket(&self, client: &str, hasher: &RandomState) -> String {
        let clients = self.lock();
        if clients.len() < MOST || clients.contains_key(client) {
            return client.to_owned();
        }
        format!("shared:{}", hasher.hash_one(client) % SHARED)
    }
}

impl StateStore for Arrivals {
    type Key = String;

    fn measure_and_replace<T, F, E>(&self, key: &String, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut clients = self.lock();
        let (outcome, arrival) = decide(clients.get(key).copied().map(Nanos::from))?;
        clients.insert(key.clone(), arrival.into());
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<String> for Arrivals {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().retain(|_, arrival| *arrival >= drop_below.as_u64());
    }

    fn shrink_to_fit(&self) {
        self.lock().shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attack_left_is_swept_though_hardly_anybody_spends() {
        let mut limiter = Limiter::new(NonZeroU32::MIN, Duration::from_millis(1));
        (limiter.pause, limiter.until_sweep) = (Duration::from_secs(5), AtomicUsize::new(MOST));
        limiter.arrivals.lock().extend((0..MOST).map(|client| (client.to_string(), 0)));
        limiter.spend("early");
        assert!(!limiter.arrivals.lock().contains_key("early"), "it is full");
        limiter.pause = Duration::ZERO;
        limiter.spend("late");
        let kept = limiter.arrivals.lock();
        assert!(kept.len() <= 2 && kept.contains_key("late"), "{} clients", kept.len());
    }
}

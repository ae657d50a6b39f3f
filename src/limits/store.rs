//! Where counts over time are kept: in memory, in Redis, or in Redis as long as it answers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Memory, Quota, Rate, Spent};
use crate::state;

/// A keeper of counts.
pub trait Counts {
    /// Spends one unit of a client's quota, if there is one. Exact also when many spend at once: a full bucket grants
    /// `rate.limit` and refuses the next.
    ///
    /// # Errors
    /// When the count is out of reach; nobody knows then whether a unit was spent.
    fn spend(
        &self,
        client: &str,
        quota: Quota,
        rate: Rate,
    ) -> impl Future<Output = Result<Spent, state::Error>> + Send;
}

/// How long shared counts that failed are left alone: a request that asks them waits for up to two seconds.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts that nodes keep together, with this node's own in their place while they are out of reach.
pub(super) struct Shared<C> {
    counts: C,
    /// While out of reach: when they may be asked again.
    again: Mutex<Option<Instant>>,
}

impl<C: Counts + Sync> Shared<C> {
    pub(super) fn new(counts: C) -> Shared<C> {
        Shared { counts, again: Mutex::new(None) }
    }

    /// Spends a unit where it can be counted now.
    pub(super) async fn spend(&self, own: &Memory, client: &str, quota: Quota, rate: Rate) -> Spent {
        if self.may_ask() {
            match self.counts.spend(client, quota, rate).await {
                Ok(spent) => {
                    if self.set(None) {
                        tracing::info!("the shared quotas are back: nodes count together again");
                    }
                    return spent;
                }
                Err(error) => {
                    if !self.set(Some(Instant::now() + PAUSE)) {
                        tracing::warn!(%error, "the shared quotas are out of reach: this node counts by itself");
                    }
                }
            }
        }
        own.count(client, quota, rate)
    }

    /// Whether to ask: always while they answer; else one request a pause, which tells the others.
    fn may_ask(&self) -> bool {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *again {
            Some(moment) if now < moment => false,
            Some(_) => {
                *again = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// Notes whether they answer; says whether they were out of reach before.
    fn set(&self, again: Option<Instant>) -> bool {
        std::mem::replace(&mut *self.again.lock().unwrap_or_else(PoisonError::into_inner), again).is_some()
    }
}

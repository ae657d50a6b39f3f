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

    /// Gives a unit back that was granted, as if it had not been spent. What others spent meanwhile stays spent.
    ///
    /// # Errors
    /// When the count is out of reach; the unit may be lost then.
    fn give_back(
        &self,
        client: &str,
        quota: Quota,
        rate: Rate,
    ) -> impl Future<Output = Result<(), state::Error>> + Send;
}

/// Who counted a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// All nodes together.
    All,
    /// This node alone.
    Own,
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

    /// Spends a unit where it can be counted now; says where that was.
    pub(super) async fn spend(
        &self,
        own: &Memory,
        client: &str,
        quota: Quota,
        rate: Rate,
    ) -> (Spent, Keeper) {
        if self.may_ask() {
            match self.counts.spend(client, quota, rate).await {
                Ok(spent) => {
                    if self.set(None) {
                        tracing::info!("the shared quotas are back: nodes count together again");
                    }
                    return (spent, Keeper::All);
                }
                Err(error) => {
                    if !self.set(Some(Instant::now() + PAUSE)) {
                        tracing::warn!(%error, "the shared quotas are out of reach: this node counts by itself");
                    }
                }
            }
        }
        (own.count(client, quota, rate), Keeper::Own)
    }

    /// Gives a unit back that was counted together.
    pub(super) async fn give_back(&self, client: &str, quota: Quota, rate: Rate) {
        if let Err(error) = self.counts.give_back(client, quota, rate).await {
            tracing::warn!(%error, "a unit of a quota is not given back: the shared quotas are out of reach");
        }
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

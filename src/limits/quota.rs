//! What is counted over an hour, and how a client stands with it.

use std::time::Duration;

use super::{Tier, store::Keeper};

/// The window of every quota.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What is counted over an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Archives, and links to archives.
    Archives,
    /// Validations.
    Validations,
}

impl Quota {
    /// Its name in headers, metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Quota::Archives => "archives",
            Quota::Validations => "validations",
        }
    }

    /// How many of it a tier has in an hour.
    pub(super) fn hourly(self, tier: &Tier) -> u32 {
        match self {
            Quota::Archives => tier.archives_per_hour,
            Quota::Validations => tier.validations_per_hour,
        }
    }

    /// How a tier's count of it runs.
    pub(super) fn rate(self, tier: &Tier) -> Rate {
        Rate { limit: self.hourly(tier), window: HOUR }
    }
}

/// A token bucket: `limit` at once, and one more every `window / limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Units in a window; a rate of none grants none.
    pub limit: u32,
    /// The time in which an empty bucket fills.
    pub window: Duration,
}

/// What a store said to one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether the unit was there.
    pub granted: bool,
    /// Whole units that are left.
    pub remaining: u32,
    /// Time until one more is there.
    pub reset: Duration,
}

/// A unit that a client has spent, until it is given back for want of what it was spent on.
#[derive(Debug)]
pub struct Unit {
    /// How the client stands without it.
    pub standing: Standing,
    pub(super) keeper: Keeper,
    pub(super) quota: Quota,
    pub(super) rate: Rate,
}

/// How a client stands with one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit's name.
    pub policy: &'static str,
    /// Units in a window, or at the same time where there is no window.
    pub limit: u64,
    /// Units that are left.
    pub remaining: u64,
    /// Seconds until one more is there; a guess where there is no window.
    pub reset: u64,
    /// Seconds in which all are given back, for what is counted over time.
    pub window: Option<u64>,
}

impl Standing {
    /// The standing after `spent`.
    pub(super) fn of(quota: Quota, rate: Rate, spent: Spent) -> Standing {
        Standing {
            policy: quota.as_str(),
            limit: rate.limit.into(),
            remaining: spent.remaining.into(),
            // Up, so that whoever waits that long finds a unit.
            reset: spent.reset.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
            window: Some(rate.window.as_secs()),
        }
    }
}

//! Archives at the same time, by client: who holds how many, and the permit that gives one back when it is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Client, Error, Standing};

/// The limit's name in headers and metrics.
pub(super) const POLICY: &str = "concurrent-archives";

/// Seconds after which a client with too many archives may ask again: nobody knows when one ends.
const RETRY_SECONDS: u64 = 5;

/// The running archives of every client; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<String, Held>>>);

/// What one client holds; there is none of a client that holds nothing.
#[derive(Default)]
struct Held {
    /// Requests by link; each link that has some counts as one unit.
    links: HashMap<String, usize>,
    /// Archives without a link.
    single: usize,
}

impl Held {
    fn units(&self) -> usize {
        self.links.len() + self.single
    }
}

/// One archive's place among those of its client, until it is dropped.
pub struct Permit {
    client: String,
    link: Option<String>,
    running: Running,
}

impl Running {
    /// Takes a place for an archive of `client`, or another for the `link` that has one.
    pub(super) fn admit(&self, client: &Client, link: Option<&str>) -> Result<Permit, Error> {
        let limit = client.tier.concurrent_archives;
        let mut clients = self.lock();
        let units = clients.get(&client.id).map_or(0, Held::units);
        let shares = link
            .is_some_and(|link| clients.get(&client.id).is_some_and(|held| held.links.contains_key(link)));
        if !shares && units >= limit {
            let (limit, reset) = (limit as u64, RETRY_SECONDS);
            let standing = Standing { policy: POLICY, limit, remaining: 0, reset, window: None };
            return Err(Error::TooManyArchives(standing));
        }
        let held = clients.entry(client.id.clone()).or_default();
        match link {
            Some(link) => *held.links.entry(link.to_owned()).or_default() += 1,
            None => held.single += 1,
        }
        Ok(Permit { client: client.id.clone(), link: link.map(str::to_owned), running: self.clone() })
    }

    /// How many clients hold something.
    pub(super) fn clients(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        // Every change is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut clients = self.running.lock();
        let Some(held) = clients.get_mut(&self.client) else { return };
        match &self.link {
            Some(link) => match held.links.get_mut(link) {
                Some(requests) if *requests > 1 => *requests -= 1,
                _ => _ = held.links.remove(link),
            },
            None => held.single = held.single.saturating_sub(1),
        }
        if held.units() == 0 {
            clients.remove(&self.client);
        }
    }
}

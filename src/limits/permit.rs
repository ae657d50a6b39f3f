//! Archives and validations at the same time, by client: who holds how many, and the permit that gives one back when it
//! is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Client, Standing};

/// The limits' names in headers and metrics.
pub(super) const ARCHIVES: &str = "concurrent-archives";
pub(super) const VALIDATIONS: &str = "concurrent-validations";

/// Seconds after which a client with too much running may ask again: nobody knows when something ends.
const RETRY_SECONDS: u64 = 5;

/// What runs of every client; cheap to clone.
#[derive(Clone)]
pub(super) struct Running {
    clients: Arc<Mutex<HashMap<String, Held>>>,
    policy: &'static str,
}

/// What one client holds; there is none of a client that holds nothing.
#[derive(Default)]
struct Held {
    /// Requests by link; each link that has some counts as one unit.
    links: HashMap<String, usize>,
    /// What has no link.
    single: usize,
}

impl Held {
    fn units(&self) -> usize {
        self.links.len() + self.single
    }
}

/// One place among those of a client, until it is dropped.
pub struct Permit {
    client: String,
    link: Option<String>,
    running: Running,
}

impl Running {
    /// Nothing runs yet under this limit.
    pub(super) fn new(policy: &'static str) -> Running {
        Running { clients: Arc::default(), policy }
    }

    /// Takes a place for `client`, or another for the `link` that has one; else tells how the client stands.
    pub(super) fn admit(&self, client: &Client, link: Option<&str>) -> Result<Permit, Standing> {
        let limit = client.tier.concurrent_archives;
        let mut clients = self.lock();
        let units = clients.get(&client.id).map_or(0, Held::units);
        let shares = link
            .is_some_and(|link| clients.get(&client.id).is_some_and(|held| held.links.contains_key(link)));
        if !shares && units >= limit {
            let (limit, reset) = (limit as u64, RETRY_SECONDS);
            return Err(Standing { policy: self.policy, limit, remaining: 0, reset, window: None });
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
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
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

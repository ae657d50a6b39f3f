//! Who asks, and how much they may have.
//!
//! ```text
//! Authorization ─┐
//! peer, proxies ─┴─▶ Client { id, tier } ──▶ admit: at the same time ──▶ Permit, held by an archive's body
//!                                        └─▶ spend: archives and validations an hour ──▶ Standing, in headers
//! ```
//! A client is known by its API key, or else by its address; its tier says what it may have. A limit that is held is
//! a permit, released when it is dropped. Quotas are counted in Redis where one is configured, so that nodes count
//! together; permits are each node's own.

mod address;
mod client;
mod error;
mod key;
mod memory;
mod meter;
mod permit;
mod quota;
mod redis;
mod store;
mod tier;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use http::HeaderValue;

use self::{
    permit::Running,
    store::{Keeper, Shared},
};
use crate::state;

pub use self::{
    address::{Proxies, network},
    client::{ANONYMOUS, Client},
    error::Error,
    key::{Key, KeyError},
    memory::Memory,
    permit::Permit,
    quota::{Quota, Rate, Spent, Standing, Unit},
    redis::Redis,
    store::Counts,
    tier::{Tier, is_tier_name},
};

/// The kinds of clients, and the keys by which they are known.
#[derive(Clone, Debug)]
pub struct Config {
    /// The tier of clients without a key.
    pub anonymous: Tier,
    /// The keys; each names a tier.
    pub keys: Vec<Key>,
    /// All other tiers, by name.
    pub tiers: BTreeMap<String, Tier>,
}

/// Knows clients and holds their limits; cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    anonymous: Arc<Tier>,
    keys: Vec<Key>,
    memory: Memory,
    running: Running,
    shared: Option<Shared<Redis>>,
    tiers: BTreeMap<String, Arc<Tier>>,
    validating: Running,
}

impl Limits {
    /// Holds these limits; quotas are counted over `shared`, if there is one.
    pub fn new(config: Config, shared: Option<state::Redis>) -> Limits {
        meter::register(&config);
        Limits(Arc::new(Inner {
            anonymous: Arc::new(config.anonymous),
            keys: config.keys,
            memory: Memory::default(),
            running: Running::new(permit::ARCHIVES),
            shared: shared.map(|redis| Shared::new(Redis::new(redis))),
            tiers: config.tiers.into_iter().map(|(name, tier)| (name, Arc::new(tier))).collect(),
            validating: Running::new(permit::VALIDATIONS),
        }))
    }

    /// The client that sent this `Authorization` header, if any, from this address.
    ///
    /// # Errors
    /// [`Error::InvalidApiKey`] when there is a header without a known key: a client with a key that is refused must
    /// not silently get less.
    pub fn identify(&self, authorization: Option<&HeaderValue>, address: IpAddr) -> Result<Client, Error> {
        let Some(authorization) = authorization else {
            return Ok(Client::anonymous(address, Arc::clone(&self.0.anonymous)));
        };
        let key = key::find(&self.0.keys, authorization)?;
        meter::note_use(key);
        Ok(self.restore(&format!("key:{}", key.name), &key.tier))
    }

    /// The client with this id, as it was written down when it made a link. A tier that is gone is that of
    /// anonymous clients.
    pub fn restore(&self, id: &str, tier_name: &str) -> Client {
        let (tier_name, tier) = match self.0.tiers.get(tier_name) {
            Some(tier) => (tier_name, tier),
            None => (ANONYMOUS, &self.0.anonymous),
        };
        Client { id: id.to_owned(), tier_name: tier_name.to_owned(), tier: Arc::clone(tier) }
    }

    /// Spends one unit of a client's quota, and tells how it stands then. It asks Redis where one is configured, and
    /// counts on this node alone while that is out of reach.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the hour's units are used up; [`Error::ApiKeyRequired`] when the tier has none.
    ///
    /// # Cancel safety
    /// When the future is dropped the unit may have been spent.
    pub async fn spend(&self, client: &Client, quota: Quota) -> Result<Unit, Error> {
        client.may(quota)?;
        let rate = quota.rate(&client.tier);
        let (spent, keeper) = match &self.0.shared {
            Some(shared) => shared.spend(&self.0.memory, &client.id, quota, rate).await,
            None => (self.0.memory.count(&client.id, quota, rate), Keeper::Own),
        };
        let standing = Standing::of(quota, rate, spent);
        match spent.granted {
            true => Ok(Unit { standing, keeper, quota, rate }),
            false => Err(refused(client, Error::RateLimited(standing))),
        }
    }

    /// Gives a client's unit back to where it was counted: what it was spent on was refused for no fault of the client's.
    pub async fn give_back(&self, client: &Client, unit: Unit) {
        let Unit { keeper, quota, rate, .. } = unit;
        match (&self.0.shared, keeper) {
            (Some(shared), Keeper::All) => shared.give_back(&client.id, quota, rate).await,
            (_, Keeper::All | Keeper::Own) => self.0.memory.uncount(&client.id, quota, rate),
        }
    }

    /// Takes one of a client's places for archives on this node, until the permit is dropped.
    ///
    /// # Errors
    /// [`Error::TooManyArchives`] when all are taken.
    pub fn admit(&self, client: &Client) -> Result<Permit, Error> {
        let admitted = self.0.running.admit(client, None);
        admitted.map_err(|standing| refused(client, Error::TooManyArchives(standing)))
    }

    /// Takes one of a client's places for the requests of a link: as long as one of them runs, others for the same
    /// `link` need no place of their own.
    ///
    /// # Errors
    /// [`Error::TooManyArchives`] when all are taken, and none by this link.
    pub fn admit_link(&self, client: &Client, link: &str) -> Result<Permit, Error> {
        let admitted = self.0.running.admit(client, Some(link));
        admitted.map_err(|standing| refused(client, Error::TooManyArchives(standing)))
    }

    /// Takes one of a client's places for validations on this node, of which it has as many as for archives: each
    /// holds one of the process's for as long as its sources keep it waiting.
    ///
    /// # Errors
    /// [`Error::TooManyValidations`] when all are taken.
    pub fn admit_validation(&self, client: &Client) -> Result<Permit, Error> {
        let admitted = self.0.validating.admit(client, None);
        admitted.map_err(|standing| refused(client, Error::TooManyValidations(standing)))
    }

    /// How many clients have an archive or a validation now; one that has both counts twice.
    pub fn busy_clients(&self) -> usize {
        self.0.running.clients() + self.0.validating.clients()
    }
}

/// Counts a refusal.
fn refused(client: &Client, error: Error) -> Error {
    if let Error::RateLimited(standing)
    | Error::TooManyArchives(standing)
    | Error::TooManyValidations(standing) = &error
    {
        meter::note_refusal(standing.policy, &client.tier_name);
    }
    error
}

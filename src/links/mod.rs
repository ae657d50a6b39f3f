//! Links: descriptors that wait for whoever holds their token, and what becomes of their downloads.
//!
//! ```text
//! token ──SHA-256──▶ id    the record's name; nothing leads from it back to the token
//!       ──HKDF─────▶ key   seals whatever the store keeps: descriptor, minter, facts, reports
//! ```
//! A store, in memory or in Redis, counts, compares and forgets, and understands none of what it keeps. A link that
//! somebody was promised is never evicted for another's sake; when there is no room no more are made.

mod book;
mod config;
mod error;
mod facts;
mod memory;
mod meter;
mod progress;
mod record;
mod redis;
mod reporter;
mod seal;
mod status;
mod store;
mod token;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::rand::SystemRandom;

use self::{
    meter::Action,
    seal::{Field, Seal},
    store::{Fault, Inserted, Latest, New, Store},
};
use crate::{plan, state};

pub use self::{
    book::Book,
    config::Config,
    error::Error,
    progress::Download,
    record::Record,
    status::{Failure, State, Status},
    token::Token,
};

/// All links of this node, or of all nodes that share a Redis; cheap to clone.
#[derive(Clone)]
pub struct Links(Arc<Shared>);

struct Shared {
    config: Config,
    random: SystemRandom,
    store: Store,
}

/// A link that was just made.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The end of its time.
    pub expires_at: SystemTime,
    /// Time until then.
    pub expires_in: Duration,
    /// What it is reached by.
    pub token: Token,
}

/// A link that is kept.
#[derive(Clone, Debug)]
pub struct Found {
    /// What its first download froze, if there was one.
    pub facts: Option<plan::Facts>,
    /// Why none of its downloads can be whole, where that was found out.
    pub fault: Option<Failure>,
    /// Whether its time has run out: then only a download that began can be gone on with.
    pub is_expired: bool,
    /// What was stored.
    pub record: Record,
}

impl Links {
    /// Keeps links in Redis where one is shared, else in memory.
    pub fn new(config: Config, shared: Option<state::Redis>) -> Links {
        meter::register();
        let store = Store::new(&config, shared);
        Links(Arc::new(Shared { config, random: SystemRandom::new(), store }))
    }

    /// Stores a record under a new token.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::ShareExceeded`], [`Error::Unavailable`].
    pub async fn mint(&self, record: &Record) -> Result<Minted, Error> {
        meter::counted(Action::Mint, self.insert(record).await)
    }

    async fn insert(&self, record: &Record) -> Result<Minted, Error> {
        let token = Token::new(&self.0.random)?;
        let seal = Seal::of(&token)?;
        let request = seal.close(Field::Request, record.to_bytes())?;
        let expires_in = self.0.config.ttl;
        let expires_at = SystemTime::now() + expires_in;
        let size = request.len() as u64 + facts::most(record.entries);
        let Config { max_bytes, max_bytes_per_client, max_per_client: limit, .. } = self.0.config;
        if size > max_bytes.0.min(max_bytes_per_client.0) {
            return Err(Error::ShareExceeded { limit, retry_after: None });
        }
        let report = write(&seal, Field::Report, &Status::waiting(record.entries))?;
        let new = New { report, request, size };
        match self.0.store.insert(token.id(), &record.owner(), new).await? {
            Inserted::Done => Ok(Minted { expires_at, expires_in, token }),
            Inserted::Full => Err(Error::Full),
            Inserted::ShareExceeded { retry_after } => {
                Err(Error::ShareExceeded { limit, retry_after: Some(retry_after) })
            }
        }
    }

    /// Finds a link that can still be used, if only to go on with a download.
    ///
    /// # Errors
    /// [`Error::NotFound`], whether it never was, has expired or was removed; [`Error::Unavailable`].
    pub async fn find(&self, token: &Token) -> Result<Found, Error> {
        meter::counted(Action::Find, self.look_up(token).await)
    }

    async fn look_up(&self, token: &Token) -> Result<Found, Error> {
        let found = self.0.store.find(token.id()).await?.ok_or(Error::NotFound)?;
        let seal = Seal::of(token)?;
        let record = Record::from_bytes(seal.open(Field::Request, found.request)?)?;
        let facts = found.facts.map(|facts| read(&seal, Field::Facts, facts)).transpose()?;
        let fault = match found.fault {
            None => None,
            Some(Fault::Plain(fault)) => Some(fault),
            Some(Fault::Sealed(fault)) => Some(read(&seal, Field::Fault, fault)?),
        };
        Ok(Found { facts, fault, is_expired: found.is_expired, record })
    }

    /// Writes down what the link's archive is planned by, unless that was done before; returns what holds from now on,
    /// without validators that are too long to be kept.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the link was removed meanwhile; [`Error::Unavailable`].
    pub async fn freeze(&self, token: &Token, facts: &plan::Facts) -> Result<plan::Facts, Error> {
        let seal = Seal::of(token)?;
        let ours = write(&seal, Field::Facts, facts)?;
        let winner = self.0.store.freeze(token.id(), ours).await?.ok_or(Error::NotFound)?;
        read(&seal, Field::Facts, winner)
    }

    /// Removes a link; what is being downloaded by it goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Unavailable`].
    pub async fn remove(&self, token: &Token) -> Result<(), Error> {
        let removed = self.0.store.remove(token.id()).await;
        let removed = removed.and_then(|was_there| if was_there { Ok(()) } else { Err(Error::NotFound) });
        meter::counted(Action::Remove, removed)
    }

    /// Begins a download of `entries` entries: from now on it is the link's latest, and the record outlives the link's
    /// time until `links.resume_window` after the download's end. The book is for what it sees.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the link can no longer be used; [`Error::Unavailable`].
    pub async fn begin(&self, token: &Token, entries: usize) -> Result<(Download, Book), Error> {
        let download = Download::new(entries);
        let begun = self.0.store.begin(token, &download).await;
        match begun {
            Ok(Some(book)) => Ok((download, book)),
            Ok(None) => Err(download.discard(Error::NotFound)),
            Err(error) => Err(download.discard(error)),
        }
    }

    /// The most bytes that are read a second time for the sake of a part.
    pub fn reread_limit(&self) -> u64 {
        self.0.config.reread_limit.0
    }

    /// How the link's latest download is doing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no record of the link any more; [`Error::Unavailable`].
    pub async fn status(&self, token: &Token) -> Result<Status, Error> {
        let seal = Seal::of(token)?;
        match self.0.store.latest(token.id()).await?.ok_or(Error::NotFound)? {
            Latest::Live(status) => Ok(status),
            Latest::Reported { age, report } => {
                let status: Status = read(&seal, Field::Report, report)?;
                let is_lost = age > reporter::overdue(self.0.config.resume_window);
                Ok(if is_lost { status.lost(age) } else { status })
            }
        }
    }

    /// Waits until the last reports of ended downloads are written, or given up.
    pub async fn settle(&self) {
        self.0.store.settle().await;
    }
}

/// Seals a value.
fn write<T: serde::Serialize>(seal: &Seal, field: Field, value: &T) -> Result<Vec<u8>, Error> {
    seal.close(field, serde_json::to_vec(value).map_err(|_| Error::Damaged)?)
}

/// Opens a sealed value.
fn read<T: serde::de::DeserializeOwned>(seal: &Seal, field: Field, sealed: Vec<u8>) -> Result<T, Error> {
    serde_json::from_slice(&seal.open(field, sealed)?).map_err(|_| Error::Damaged)
}

//! Where records are kept. Both stores keep sealed bytes under an id and know when to forget them; the rules they
//! hold to are the same, and one suite of tests asks both.
//!
//! A record can be *used* for `links.ttl`. It is *kept* until then, or until `links.resume_window` after the end of a
//! download that began, whichever is later. While it is kept it counts against the bounds.

use std::{sync::Arc, time::Duration};

use super::{Book, Config, Download, Error, Failure, Status, Token, memory::Memory, redis::Redis, token::Id};
use crate::state;

/// A record that can be used.
pub(super) struct Kept {
    /// Sealed.
    pub(super) facts: Option<Vec<u8>>,
    pub(super) fault: Option<Fault>,
    /// Whether only a download that began can be gone on with.
    pub(super) is_expired: bool,
    /// Sealed.
    pub(super) request: Vec<u8>,
}

/// Why an archive can never be whole.
pub(super) enum Fault {
    /// As this node found out.
    Plain(Failure),
    /// As some node wrote down.
    Sealed(Vec<u8>),
}

/// A record that is to be stored.
pub(super) struct New {
    /// What is told of its download before there is one, sealed.
    pub(super) report: Vec<u8>,
    /// Sealed.
    pub(super) request: Vec<u8>,
    /// What it counts for, in bytes.
    pub(super) size: u64,
}

/// What became of a record that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It is stored.
    Done,
    /// The store is full.
    Full,
    /// Its owner's share is used up.
    ShareExceeded {
        /// Time until the owner's oldest record is forgotten.
        retry_after: Duration,
    },
}

/// What is known of a record's latest download.
pub(super) enum Latest {
    /// It is, or was, of this node.
    Live(Status),
    /// What some node reported of it, or the minter of a record that nobody has used.
    Reported {
        /// Time since the last report.
        age: Duration,
        /// That report, sealed.
        report: Vec<u8>,
    },
}

/// A store of records.
pub(super) enum Store {
    /// This node's memory.
    Memory(Box<Memory>),
    /// What nodes share.
    Redis(Redis),
}

impl Store {
    /// The store that the configuration asks for.
    pub(super) fn new(config: &Config, shared: Option<state::Redis>) -> Store {
        match shared {
            None => Store::Memory(Box::new(Memory::new(config.clone()))),
            Some(connection) => Store::Redis(Redis::new(config.clone(), connection)),
        }
    }

    /// Stores a record, if there is room for it.
    pub(super) async fn insert(&self, id: Id, owner: &str, new: New) -> Result<Inserted, Error> {
        match self {
            Store::Memory(memory) => Ok(memory.insert(id, owner, new)),
            Store::Redis(redis) => redis.insert(id, owner, new).await,
        }
    }

    /// Finds a record that can be used.
    pub(super) async fn find(&self, id: Id) -> Result<Option<Kept>, Error> {
        match self {
            Store::Memory(memory) => Ok(memory.find(id)),
            Store::Redis(redis) => redis.find(id).await,
        }
    }

    /// Writes facts down where there are none; returns those that hold, or none when there is no record.
    pub(super) async fn freeze(&self, id: Id, facts: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Store::Memory(memory) => Ok(memory.freeze(id, facts)),
            Store::Redis(redis) => redis.freeze(id, facts).await,
        }
    }

    /// Forgets a record; `false` when there is none.
    pub(super) async fn remove(&self, id: Id) -> Result<bool, Error> {
        match self {
            Store::Memory(memory) => Ok(memory.remove(id)),
            Store::Redis(redis) => redis.remove(id).await,
        }
    }

    /// Makes a download the record's latest and gives it a book; none when the record can no longer be used. Memory
    /// reads its progress and its book whenever somebody asks; to Redis tasks report them, which end with the download.
    pub(super) async fn begin(&self, token: &Token, download: &Download) -> Result<Option<Book>, Error> {
        let progress = Arc::clone(download.progress());
        match self {
            Store::Memory(memory) => Ok(memory.begin(token.id(), progress).map(Book::of_memory)),
            Store::Redis(redis) => redis.begin(token, progress).await,
        }
    }

    /// What is known of the latest download; none when there is no record.
    pub(super) async fn latest(&self, id: Id) -> Result<Option<Latest>, Error> {
        match self {
            Store::Memory(memory) => Ok(memory.latest(id)),
            Store::Redis(redis) => redis.latest(id).await,
        }
    }

    /// Waits until all reports are written, or given up.
    pub(super) async fn settle(&self) {
        match self {
            Store::Memory(_) => {}
            Store::Redis(redis) => redis.settle().await,
        }
    }
}

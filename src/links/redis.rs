//! Records in Redis, shared by all nodes: one script a question, so that looking and changing are one step.

use std::{sync::Arc, time::Duration};

use redis::{FromRedisValue, Script, ToRedisArgs};
use tokio_util::task::TaskTracker;

use super::{
    Book, Config, Error, Token,
    book::Shelf,
    progress::Progress,
    reporter::Reporter,
    seal::{Field, Seal},
    store::{Fault, Inserted, Kept, Latest, New},
    token::Id,
};
use crate::state;

/// No arguments.
const NOTHING: &[&str] = &[];

/// All of its keys lie in one slot of a cluster.
const PREFIX: &str = "{zipstream}:link";

/// Downloads of a link whose checkpoints are kept apart from each other's; the next one takes the first one's place.
const SHELVES: u64 = 16;

/// The records of all nodes.
#[derive(Clone)]
pub(super) struct Redis(Arc<Shared>);

struct Shared {
    config: Config,
    connection: state::Redis,
    /// The tasks that report.
    reporters: TaskTracker,
    scripts: Scripts,
}

struct Scripts {
    begin: Script,
    find: Script,
    freeze: Script,
    insert: Script,
    latest: Script,
    note: Script,
    remove: Script,
    report: Script,
    seen: Script,
}

/// A script with what all begin with.
macro_rules! script {
    ($name:literal) => {
        Script::new(concat!(include_str!("lua/prelude.lua"), include_str!(concat!("lua/", $name, ".lua"))))
    };
}

impl Redis {
    pub(super) fn new(config: Config, connection: state::Redis) -> Redis {
        let scripts = Scripts {
            begin: script!("begin"),
            find: script!("find"),
            freeze: script!("freeze"),
            insert: script!("insert"),
            latest: script!("latest"),
            note: script!("note"),
            remove: script!("remove"),
            report: script!("report"),
            seen: script!("seen"),
        };
        let reporters = TaskTracker::new();
        reporters.close();
        Redis(Arc::new(Shared { config, connection, reporters, scripts }))
    }

    /// See [`Store`](super::store::Store); the same for all below.
    pub(super) async fn insert(&self, id: Id, owner: &str, new: New) -> Result<Inserted, Error> {
        let New { report, request, size } = new;
        let Config { max, max_age, max_bytes, max_bytes_per_client, max_per_client, ttl, .. } =
            &self.0.config;
        let arguments = (
            (id_text(id), owner, size, millis(*ttl)),
            (max, max_bytes.0, max_per_client, max_bytes_per_client.0, request),
            (millis(*max_age), report),
        );
        loop {
            let (outcome, wait): (u8, u64) = self.ask(&self.0.scripts.insert, id, &arguments).await?;
            return Ok(match outcome {
                0 => Inserted::Done,
                1 => Inserted::Full,
                2 => Inserted::ShareExceeded { retry_after: Duration::from_millis(wait) },
                // Each time some of what has ended is swept.
                _ => continue,
            });
        }
    }

    pub(super) async fn find(&self, id: Id) -> Result<Option<Kept>, Error> {
        type Record = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, bool);
        let found: Option<Record> = self.ask(&self.0.scripts.find, id, NOTHING).await?;
        Ok(found.map(|(request, facts, fault, is_expired)| {
            let fault = fault.map(Fault::Sealed);
            Kept { facts, fault, is_expired, request }
        }))
    }

    pub(super) async fn freeze(&self, id: Id, facts: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        self.ask(&self.0.scripts.freeze, id, facts).await
    }

    pub(super) async fn remove(&self, id: Id) -> Result<bool, Error> {
        self.ask(&self.0.scripts.remove, id, id_text(id)).await
    }

    pub(super) async fn latest(&self, id: Id) -> Result<Option<Latest>, Error> {
        let found: Option<(Vec<u8>, u64)> = self.ask(&self.0.scripts.latest, id, NOTHING).await?;
        Ok(found.map(|(report, age)| Latest::Reported { age: Duration::from_millis(age), report }))
    }

    /// Makes a download the latest and starts its reporter and the carrier of its book.
    ///
    /// # Cancel safety
    /// Whoever waits may be gone before the answer: what Redis was asked to begin is reported on nevertheless, or the
    /// download would seem to run until it counted as lost.
    pub(super) async fn begin(&self, token: &Token, progress: Arc<Progress>) -> Result<Option<Book>, Error> {
        let (store, token) = (self.clone(), token.clone());
        let begun = self.0.reporters.spawn(async move { store.begin_now(&token, progress).await });
        // It fails only where it panics, or the process ends.
        begun.await.unwrap_or(Err(Error::Damaged))
    }

    async fn begin_now(&self, token: &Token, progress: Arc<Progress>) -> Result<Option<Book>, Error> {
        let (id, seal, status) = (token.id(), Seal::of(token)?, progress.status());
        let report = super::write(&seal, Field::Report, &status)?;
        let arguments = (id_text(id), millis(self.0.config.resume_window), report);
        let number: u64 = self.ask(&self.0.scripts.begin, id, arguments).await?;
        if number == 0 {
            return Ok(None);
        }
        let reporter = Reporter { id, number, progress, seal, store: self.clone() };
        self.0.reporters.spawn(reporter.run(status, self.0.config.resume_window));
        let (book, carried) =
            Book::of_redis(Shelf { id, number, seal: Seal::of(token)?, store: self.clone() });
        self.0.reporters.spawn(carried);
        Ok(Some(book))
    }

    /// Writes down which entries a download has seen in part, and which whole, and a fault where there is none; `false`
    /// when there is no record.
    pub(super) async fn note(
        &self,
        id: Id,
        download: u64,
        marks: Vec<(usize, Vec<u8>)>,
        whole: Vec<(usize, Vec<u8>)>,
        fault: Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        let head = (fault.unwrap_or_default(), download % SHELVES, marks.len());
        self.ask(&self.0.scripts.note, id, (head, marks, whole)).await
    }

    /// What was written down of each entry.
    pub(super) async fn seen(&self, id: Id) -> Result<Vec<Vec<u8>>, Error> {
        self.ask(&self.0.scripts.seen, id, NOTHING).await
    }

    /// Reports how a download is doing; `false` when there is no record any more.
    pub(super) async fn report(&self, id: Id, number: u64, report: Vec<u8>) -> Result<bool, Error> {
        let arguments = (id_text(id), millis(self.0.config.resume_window), report, number);
        self.ask(&self.0.scripts.report, id, arguments).await
    }

    pub(super) async fn settle(&self) {
        self.0.reporters.wait().await;
    }

    /// Runs a script for a record, again when its answer gets lost. That is as good as once: reading, freezing, noting and
    /// reporting change nothing the second time, an insertion finds itself, a second beginning skips a number that nobody
    /// reports for, and of a second removal is said what the client's own next attempt would hear.
    async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        id: Id,
        arguments: impl ToRedisArgs,
    ) -> Result<T, Error> {
        let mut call = script.prepare_invoke();
        call.key(format!("{PREFIX}:{}", id_text(id)))
            .key(format!("{PREFIX}s"))
            .key(format!("{PREFIX}s:bytes"));
        Ok(self.0.connection.run(call.arg(arguments)).await?)
    }
}

fn id_text(id: Id) -> String {
    hex::encode(id.0)
}

/// A time as Redis counts it; at least one, for zero would be no time at all.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

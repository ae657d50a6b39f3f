//! Records in this node's memory.
//!
//! Ours, and not a cache's: a cache that is full evicts what it deems least wanted, silently, and a link that somebody
//! was promised would be gone. Here the newcomer is refused. No task sweeps: what has ended is forgotten when the next
//! record comes in, and is not found before that.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Config,
    book::Pages,
    progress::Progress,
    store::{Fault, Inserted, Kept, Latest, New},
    token::Id,
};

/// The records of this node.
pub(super) struct Memory {
    config: Config,
    kept: Mutex<Records>,
}

/// All records, and what they add up to.
#[derive(Default)]
struct Records {
    bytes: u64,
    by_id: HashMap<Id, Slot>,
    /// When each is to be looked at again.
    ends: BTreeSet<(Instant, Id)>,
    owners: HashMap<String, Share>,
}

/// What one owner has.
#[derive(Default)]
struct Share {
    bytes: u64,
    ends: BTreeSet<(Instant, Id)>,
}

/// One record.
struct Slot {
    /// When it is to be looked at again: the key in the sets of ends.
    end: Instant,
    facts: Option<Vec<u8>>,
    /// The latest download, and those before it that may still run.
    downloads: Vec<Arc<Progress>>,
    /// The end that nothing puts off.
    ends: Instant,
    /// When the last of the downloads that are not in the list any more ended.
    last_end: Option<Instant>,
    owner: String,
    /// What its downloads wrote down.
    pages: Arc<Pages>,
    /// What is told of its download before there is one.
    report: Vec<u8>,
    request: Vec<u8>,
    /// What it counts for, in bytes.
    size: u64,
    /// Until when it can be used.
    usable: Instant,
}

impl Memory {
    pub(super) fn new(config: Config) -> Memory {
        Memory { config, kept: Mutex::default() }
    }

    /// See [`Store`](super::store::Store); the same for all below.
    pub(super) fn insert(&self, id: Id, owner: &str, new: New) -> Inserted {
        let New { report, request, size } = new;
        let now = Instant::now();
        let mut records = self.records();
        records.sweep(now, self.config.resume_window);
        let Config { max, max_bytes, max_bytes_per_client, max_per_client, ttl, .. } = &self.config;
        let share = records.owners.get(owner);
        let (count, bytes) = share.map_or((0, 0), |share| (share.ends.len(), share.bytes));
        if count >= *max_per_client || bytes + size > max_bytes_per_client.0 {
            let first = share.and_then(|share| share.ends.first());
            return Inserted::ShareExceeded { retry_after: first.map_or(*ttl, |(end, _)| *end - now) };
        }
        if records.by_id.len() >= *max || records.bytes + size > max_bytes.0 {
            return Inserted::Full;
        }
        let usable = now + *ttl;
        let (owner, pages) = (owner.to_owned(), Arc::default());
        let (downloads, ends, last_end) = (Vec::new(), now + self.config.max_age, None);
        let (end, facts) = (usable, None);
        records.put(
            id,
            Slot { downloads, end, ends, facts, last_end, owner, pages, report, request, size, usable },
        );
        Inserted::Done
    }

    pub(super) fn find(&self, id: Id) -> Option<Kept> {
        let mut records = self.records();
        let slot = records.kept(id, self.config.resume_window)?;
        let fault = slot.pages.fault().map(Fault::Plain);
        let is_expired = slot.usable <= Instant::now();
        Some(Kept { facts: slot.facts.clone(), fault, is_expired, request: slot.request.clone() })
    }

    pub(super) fn freeze(&self, id: Id, facts: Vec<u8>) -> Option<Vec<u8>> {
        let mut records = self.records();
        let slot = records.kept(id, self.config.resume_window)?;
        Some(slot.facts.get_or_insert(facts).clone())
    }

    pub(super) fn remove(&self, id: Id) -> bool {
        let mut records = self.records();
        let is_kept = records.kept(id, self.config.resume_window).is_some();
        records.take(id);
        is_kept
    }

    pub(super) fn begin(&self, id: Id, progress: Arc<Progress>) -> Option<Arc<Pages>> {
        let (now, window) = (Instant::now(), self.config.resume_window);
        let mut records = self.records();
        records.kept(id, window)?;
        let mut slot = records.take(id)?;
        slot.forget_ended();
        slot.downloads.push(progress);
        slot.end = slot.end.max(now + window).min(slot.ends);
        let pages = Arc::clone(&slot.pages);
        records.put(id, slot);
        Some(pages)
    }

    pub(super) fn latest(&self, id: Id) -> Option<Latest> {
        let mut records = self.records();
        let slot = records.kept(id, self.config.resume_window)?;
        Some(match slot.downloads.last() {
            Some(progress) => Latest::Live(progress.status()),
            None => Latest::Reported { age: Duration::ZERO, report: slot.report.clone() },
        })
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // No code panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    /// The record, if it is still kept.
    fn kept(&mut self, id: Id, window: Duration) -> Option<&mut Slot> {
        let now = Instant::now();
        self.by_id.get_mut(&id).filter(|slot| slot.true_end(now, window) > now)
    }

    fn put(&mut self, id: Id, slot: Slot) {
        let (size, end) = (slot.size, slot.end);
        let share = self.owners.entry(slot.owner.clone()).or_default();
        share.bytes += size;
        share.ends.insert((end, id));
        self.bytes += size;
        self.ends.insert((end, id));
        self.by_id.insert(id, slot);
    }

    fn take(&mut self, id: Id) -> Option<Slot> {
        let slot = self.by_id.remove(&id)?;
        let size = slot.size;
        self.bytes -= size;
        self.ends.remove(&(slot.end, id));
        if let Some(share) = self.owners.get_mut(&slot.owner) {
            share.bytes -= size;
            share.ends.remove(&(slot.end, id));
            if share.ends.is_empty() {
                self.owners.remove(&slot.owner);
            }
        }
        Some(slot)
    }

    /// Forgets what has ended; what was put off meanwhile is looked at again at its new end.
    fn sweep(&mut self, now: Instant, window: Duration) {
        while let Some((end, id)) = self.ends.first().copied()
            && end <= now
        {
            let Some(mut slot) = self.take(id) else { continue };
            slot.end = slot.true_end(now, window);
            if slot.end > now {
                self.put(id, slot);
            }
        }
    }
}

impl Slot {
    /// Until when the record is kept, as things stand: a download that runs puts it off.
    fn true_end(&self, now: Instant, window: Duration) -> Instant {
        let ends = self.downloads.iter().map(|progress| progress.ended_at().unwrap_or(now));
        let last_use = ends.chain(self.last_end).max();
        last_use.map_or(self.usable, |last_use| self.usable.max(last_use + window)).min(self.ends)
    }

    /// Keeps of the downloads that have ended only when that was.
    fn forget_ended(&mut self) {
        let last_end = &mut self.last_end;
        self.downloads.retain(|progress| {
            let end = progress.ended_at();
            *last_end = (*last_end).max(end);
            end.is_none()
        });
    }
}

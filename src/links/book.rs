//! What downloads of a link write down of their sources, so that others can go on from it: checkpoints, and a check
//! that failed for good.
//!
//! In memory all downloads share one book. With Redis each has its own, which a task carries over: what is noted while
//! it is on its way goes with the next trip, so that a fast download costs no more trips than a slow one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    Error, Failure,
    redis::Redis,
    seal::{Field, Seal},
    token::Id,
};
use crate::plan::{Checkpoint, Checksums, Seen, Sight};

/// Checkpoints that are kept of an entry: some for each of several readers, for the buffers between us and one whose
/// connection broke held less than a few intervals.
const KEPT: usize = 64;

/// The least time between two trips.
const PACE: Duration = Duration::from_millis(20);

/// Pause after a trip that failed, and how many are tried after the download's end.
const RETRY: Duration = Duration::from_secs(1);
const LAST_TRIES: usize = 3;

/// The book of one download; dropped, it is closed.
pub struct Book {
    pages: Arc<Pages>,
    /// Where other nodes read it.
    shared: Option<Arc<Shelf>>,
}

/// A link's place in Redis.
pub(super) struct Shelf {
    pub(super) id: Id,
    /// Of the link's downloads.
    pub(super) number: u64,
    pub(super) seal: Seal,
    pub(super) store: Redis,
}

/// What was seen of one entry, as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Page {
    /// Its beginnings.
    Marks(Vec<Checkpoint>),
    /// All of it.
    Whole(Checksums),
}

/// What is written.
#[derive(Default)]
pub(super) struct Pages {
    noted: Mutex<Noted>,
    changed: Notify,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Noted {
    seen: Seen,
    fault: Option<Failure>,
    /// Entries that were noted since the last trip.
    news: BTreeSet<usize>,
    fault_is_new: bool,
}

impl Book {
    /// The book that all downloads on this node share.
    pub(super) fn of_memory(pages: Arc<Pages>) -> Book {
        Book { pages, shared: None }
    }

    /// An empty book that is carried to a shelf; the future carries it, and ends with it.
    pub(super) fn of_redis(shelf: Shelf) -> (Book, impl Future<Output = ()>) {
        let (pages, shelf) = (Arc::new(Pages::default()), Arc::new(shelf));
        let carried = carry(Arc::clone(&pages), Arc::clone(&shelf));
        (Book { pages, shared: Some(shelf) }, carried)
    }

    /// Writes a checkpoint of an entry down.
    pub fn note(&self, index: usize, checkpoint: Checkpoint) {
        let mut noted = self.pages.noted();
        noted.seen.note(index, checkpoint, KEPT);
        noted.news.insert(index);
        drop(noted);
        self.pages.changed.notify_one();
    }

    /// Writes down that an entry was seen whole, and is what was declared.
    pub fn note_whole(&self, index: usize, checksums: Checksums) {
        let mut noted = self.pages.noted();
        noted.seen.note_whole(index, checksums);
        noted.news.insert(index);
        drop(noted);
        self.pages.changed.notify_one();
    }

    /// Writes down that the archive can never be whole; the first reason holds.
    pub fn note_fault(&self, code: &str, detail: &str) {
        let mut noted = self.pages.noted();
        if noted.fault.is_none() {
            noted.fault = Some(Failure { code: code.to_owned(), detail: detail.to_owned() });
            noted.fault_is_new = true;
        }
        drop(noted);
        self.pages.changed.notify_one();
    }

    /// Reads all that was written by whatever download. What is out of reach is as if it had not been written.
    pub async fn seen(&self) -> Seen {
        let mut seen = self.pages.noted().seen.clone();
        let Some(shelf) = &self.shared else { return seen };
        let others = shelf.read().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "what was seen by other downloads is not known");
            Vec::new()
        });
        for (index, page) in others {
            match page {
                // All of them, for they come in no order; each download keeps a bounded number.
                Page::Marks(marks) => marks.into_iter().for_each(|mark| seen.note(index, mark, usize::MAX)),
                Page::Whole(checksums) => seen.note_whole(index, checksums),
            }
        }
        seen
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        if self.shared.is_some() {
            self.pages.is_closed.store(true, Relaxed);
            self.pages.changed.notify_one();
        }
    }
}

impl Pages {
    /// Why the archive can never be whole, if that was found out.
    pub(super) fn fault(&self) -> Option<Failure> {
        self.noted().fault.clone()
    }

    /// Takes what was noted since the last trip.
    fn take_news(&self) -> (Vec<(usize, Page)>, Option<Failure>) {
        let mut noted = self.noted();
        let indices = std::mem::take(&mut noted.news);
        let page = |index| {
            Some((
                index,
                match noted.seen.0.get(&index)? {
                    Sight::Part(marks) => Page::Marks(marks.clone()),
                    Sight::Whole(checksums) => Page::Whole(*checksums),
                },
            ))
        };
        let news = indices.into_iter().filter_map(page).collect();
        let fault = noted.fault.clone().filter(|_| noted.fault_is_new);
        noted.fault_is_new = false;
        (news, fault)
    }

    /// Keeps what a trip did not deliver for the next one.
    fn put_back(&self, news: &[(usize, Page)], fault: bool) {
        let mut noted = self.noted();
        noted.news.extend(news.iter().map(|(index, _)| index));
        noted.fault_is_new |= fault;
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // It is whole between any two statements, so another thread's panic spoils nothing.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    async fn read(&self) -> Result<Vec<(usize, Page)>, Error> {
        let sealed = self.store.seen(self.id).await?;
        // A page that cannot be read is as if it had not been written.
        Ok(sealed.into_iter().filter_map(|page| super::read(&self.seal, Field::Seen, page).ok()).collect())
    }

    /// Writes what is new; `false` when there is no record any more.
    async fn write(&self, news: &[(usize, Page)], fault: Option<&Failure>) -> Result<bool, Error> {
        let (mut marks, mut whole) = (Vec::new(), Vec::new());
        for page in news {
            let sealed = (page.0, super::write(&self.seal, Field::Seen, page)?);
            match page.1 {
                Page::Marks(_) => marks.push(sealed),
                Page::Whole(_) => whole.push(sealed),
            }
        }
        let fault = fault.map(|fault| super::write(&self.seal, Field::Fault, fault)).transpose()?;
        self.store.note(self.id, self.number, marks, whole, fault).await
    }
}

/// Carries what is new to the shelf until the book is closed.
async fn carry(pages: Arc<Pages>, shelf: Arc<Shelf>) {
    let mut last_tries = LAST_TRIES;
    loop {
        let is_closed = pages.is_closed.load(Relaxed);
        let (news, fault) = pages.take_news();
        if news.is_empty() && fault.is_none() {
            if is_closed {
                return;
            }
            pages.changed.notified().await;
            continue;
        }
        match shelf.write(&news, fault.as_ref()).await {
            Ok(true) => tokio::time::sleep(PACE).await,
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%error, "what a download has seen is not written down");
                pages.put_back(&news, fault.is_some());
                last_tries -= usize::from(is_closed);
                if last_tries == 0 {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

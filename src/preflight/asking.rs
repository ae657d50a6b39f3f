//! Asking every source of a draft, all within one future: whoever drops it leaves no request behind.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::descriptor::{Draft, HttpSource, Source};
use crate::fetch;

use super::{Error, Limits, Planning, Report};

/// The most sources of one validation that are asked at once: all of them, in the tiers that are usual, and few enough
/// that one validation does not take what a process may have of sockets.
const AT_ONCE: usize = 64;

/// Makes validations; cheap to clone.
#[derive(Clone)]
pub struct Preflight(Arc<Shared>);

struct Shared {
    client: fetch::Client,
    permits: Arc<Semaphore>,
    planning: Planning,
    timeout: Duration,
}

/// A place among the validations that are made at the same time, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// What came of asking a source.
pub(super) struct Answer {
    pub(super) told: Result<fetch::Described, fetch::Error>,
    /// The time from the question to the answer, redirects and repeated questions included.
    pub(super) latency: Duration,
}

impl Preflight {
    /// Makes at most `max_validations` at once, each within `timeout`, for archives that are planned so.
    pub fn new(
        client: fetch::Client,
        planning: Planning,
        max_validations: usize,
        timeout: Duration,
    ) -> Preflight {
        let permits = Arc::new(Semaphore::new(max_validations));
        Preflight(Arc::new(Shared { client, permits, planning, timeout }))
    }

    /// Takes a place for a validation.
    ///
    /// # Errors
    /// [`Error::Overloaded`], at once.
    pub fn admit(&self) -> Result<Permit, Error> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned();
        permit.map(|_permit| Permit { _permit }).map_err(|_| Error::Overloaded)
    }

    /// Asks the sources of a draft, and says what an archive of it would be if it were begun at `now`.
    ///
    /// # Cancel safety
    /// Dropping the future closes every connection to a source.
    pub async fn check(&self, permit: Permit, draft: Draft, limits: Limits, now: SystemTime) -> Report {
        let answers = self.ask(&draft).await;
        drop(permit);
        Report::new(draft, answers, limits, self.0.planning, now)
    }

    /// Asks every source that may be asked; by the file's index. However many are silent, a validation ends: those that
    /// have not answered by then are not waited for.
    async fn ask(&self, draft: &Draft) -> Vec<Option<Answer>> {
        let sources =
            draft.files.iter().enumerate().filter_map(|(index, file)| match &file.as_ref().ok()?.source {
                Source::Http(source) => Some((index, Arc::clone(source))),
                Source::Data(_) | Source::Directory => None,
            });
        // Collected, so that the stream borrows nothing.
        let sources: Vec<_> = sources.collect();
        let mut answers: Vec<_> = draft.files.iter().map(|_| None).collect();
        for (index, _) in &sources {
            answers[*index] = Some(Answer { told: Err(SILENT), latency: self.0.timeout });
        }
        let asked: Vec<_> =
            sources.into_iter().map(|(index, source)| ask(self.0.client.clone(), index, source)).collect();
        let mut arriving = stream::iter(asked).buffer_unordered(AT_ONCE);
        let clock = tokio::time::sleep(self.0.timeout);
        tokio::pin!(clock);
        loop {
            tokio::select! {
                biased;
                answer = arriving.next() => match answer {
                    Some((index, answer)) => answers[index] = Some(answer),
                    None => break,
                },
                () = &mut clock => break,
            }
        }
        answers
    }
}

/// What is said of a source that is not waited for any longer.
const SILENT: fetch::Error = fetch::Error::Timeout("no answer within server.validation_timeout");

async fn ask(client: fetch::Client, index: usize, source: Arc<HttpSource>) -> (usize, Answer) {
    let _permit = client.admit(&source).await;
    let begun = Instant::now();
    let told = client.describe(&source).await;
    (index, Answer { told, latency: begun.elapsed() })
}

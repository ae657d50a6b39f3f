//! Tells Redis of a running download: at most once a second, at least every few seconds, and once when it ends.
//!
//! A report that does not arrive is dropped: the download goes on, and its next report tells more anyway. Where several
//! are missing the node itself is gone, which nobody else could tell. The task ends with its download, or as soon as
//! nobody wants to know of it any more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Error, Status,
    progress::Progress,
    redis::Redis,
    seal::{Field, Seal},
    token::Id,
};

/// The least time between two reports of a download.
const PACE: Duration = Duration::from_secs(1);

/// The most time between two reports of a download, also of one that stands still.
const BEAT: Duration = Duration::from_secs(5);

/// Reports that are missing when a download counts as lost: a Redis that restarts costs some.
const MISSING: u32 = 6;

/// Attempts to tell the end of a download: nothing else would, and it would seem to run for ever.
const LAST_TRIES: usize = 3;

/// Tells Redis of one download until it has ended, or another has begun.
pub(super) struct Reporter {
    pub(super) id: Id,
    /// Of the link's downloads.
    pub(super) number: u64,
    pub(super) progress: Arc<Progress>,
    pub(super) seal: Seal,
    pub(super) store: Redis,
}

/// The most time between two reports where a record that nothing is said of for `window` is forgotten: several of them
/// fit into it.
fn beat(window: Duration) -> Duration {
    BEAT.min(window / 8)
}

/// How old the last report of a download is when the node that it ran on is gone.
pub(super) fn overdue(window: Duration) -> Duration {
    beat(window) * MISSING
}

impl Reporter {
    /// Reports whatever differs from `told`; a record that nothing is said of for `window` is forgotten.
    pub(super) async fn run(self, mut told: Status, window: Duration) {
        let beat = beat(window);
        let pace = PACE.min(beat);
        let (mut told_at, mut is_silent, mut last_tries) = (Instant::now(), false, LAST_TRIES);
        loop {
            let ended = tokio::time::timeout(pace, self.progress.ended()).await.is_ok();
            let status = self.progress.status();
            // Also a download that stands still keeps its record, and is not given up for lost.
            if status != told || told_at.elapsed() >= beat {
                match self.report(&status).await {
                    Ok(true) => (told, told_at) = (status, Instant::now()),
                    // Removed, or expired.
                    Ok(false) => return,
                    Err(error) if is_silent => tracing::debug!(%error, "a download's progress is not told"),
                    Err(error) => {
                        is_silent = true;
                        tracing::warn!(%error, "a download's progress is not told; the download goes on");
                    }
                }
            }
            if ended {
                last_tries -= 1;
                if last_tries == 0 || told.finished_at.is_some() {
                    return;
                }
                tokio::time::sleep(PACE).await;
            }
        }
    }

    async fn report(&self, status: &Status) -> Result<bool, Error> {
        let report = super::write(&self.seal, Field::Report, status)?;
        self.store.report(self.id, self.number, report).await
    }
}

//! Tells Redis of a running download: at most once a second, and once when it ends.
//!
//! A report that does not arrive is dropped: the download goes on, and its next report tells more anyway. The task
//! ends with its download, or as soon as nobody wants to know of it any more.

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

impl Reporter {
    /// Reports whatever differs from `told`; a record that nothing is said of for `window` is forgotten.
    pub(super) async fn run(self, mut told: Status, window: Duration) {
        let pace = PACE.min(window / 4);
        let (mut told_at, mut is_silent, mut last_tries) = (Instant::now(), false, LAST_TRIES);
        loop {
            let ended = tokio::time::timeout(pace, self.progress.ended()).await.is_ok();
            let status = self.progress.status();
            // Also a download that stands still keeps its record.
            if status != told || told_at.elapsed() > window / 4 {
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

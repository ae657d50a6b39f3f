//! Starting an archive: permit, probe, plan, and the first piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Peekable};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::budget::Budget;
use crate::descriptor::{Descriptor, Filename};
use crate::fetch;
use crate::plan::Plan;

use super::prefetch::Prefetch;
use super::probe::probe;
use super::produce::{Production, State, stream};
use super::{Config, Failure, Reason};

/// Makes archives; cheap to clone.
#[derive(Clone)]
pub struct Archives(Arc<Shared>);

struct Shared {
    client: fetch::Client,
    config: Config,
    budget: Arc<Budget>,
    permits: Arc<Semaphore>,
    compressors: Arc<Semaphore>,
}

/// What a client may have in one archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that all sources may measure together, in bytes.
    pub size: u64,
}

/// An archive that has begun.
pub struct Archive {
    /// The name to save it under.
    pub filename: Filename,
    /// Its exact length in bytes, where the plan tells it.
    pub length: Option<u64>,
    /// Its bytes.
    pub stream: Stream,
}

/// The bytes of an archive; an error is the last item.
///
/// It holds the archive's permit; dropping it closes every source.
pub struct Stream {
    pieces: Peekable<BoxStream<'static, Result<Bytes, Failure>>>,
    _permit: OwnedSemaphorePermit,
}

impl Archives {
    /// Makes archives out of what `client` reads, at most `max_archives` at once.
    pub fn new(client: fetch::Client, config: Config, max_archives: usize) -> Archives {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Archives(Arc::new(Shared {
            client,
            budget: Budget::new(config.prefetch_total.0),
            config,
            permits: Arc::new(Semaphore::new(max_archives)),
            compressors: Arc::new(Semaphore::new(cores)),
        }))
    }

    /// The account of bytes held ahead by all archives.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Starts an archive: its sources have been asked and its first piece is there when this returns.
    ///
    /// # Errors
    /// Whatever is known by then to keep the archive from being whole.
    ///
    /// # Cancel safety
    /// Dropping the future closes every source.
    pub async fn start(&self, descriptor: Descriptor, limits: Limits) -> Result<Archive, Failure> {
        let shared = &self.0;
        let permit = Arc::clone(&shared.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Failure::of_archive(Reason::Overloaded))?;
        let prefetch = Prefetch::new(shared.client.clone(), &shared.budget, shared.config.clone());
        let probed = probe(&descriptor.entries, &prefetch, &shared.config).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let plan = Plan::new(descriptor.entries, probed.heads, shared.config.inline_size.0, now);
        if plan.known_size() > limits.size {
            return Err(Failure::of_archive(Reason::TooLarge { limit: limits.size }));
        }
        let length = plan.archive_length();
        let mut pieces = stream(Production {
            plan,
            prefetch,
            first: probed.first,
            compressors: Arc::clone(&shared.compressors),
            limit: limits.size,
            state: State::default(),
        })
        .boxed()
        .peekable();
        if let Some(Err(failure)) = Pin::new(&mut pieces).peek().await {
            return Err(failure.clone());
        }
        let stream = Stream { pieces, _permit: permit };
        Ok(Archive { filename: descriptor.filename, length, stream })
    }
}

impl futures_util::Stream for Stream {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(cx)
    }
}

//! Starting an archive, step by step: permit and probe, plan, the first piece.

use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Peekable};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::budget::{Budget, Crowd};
use crate::descriptor::{Descriptor, Filename};
use crate::fetch;
use crate::plan::{Facts, Head, Plan, Seen};

use super::compress::Workers;
use super::failure::hollow;
use super::ledger::{Ledger, Scribe};
use super::meter::Meter;
use super::prefetch::Prefetch;
use super::probe::{Answers, blamed, probe, unchanged};
use super::produce::{Production, State, stream};
use super::range::{self, Ranged};
use super::{Config, Failure, Reason};

/// Makes archives; cheap to clone.
#[derive(Clone)]
pub struct Archives(Arc<Shared>);

struct Shared {
    client: fetch::Client,
    config: Config,
    budget: Arc<Budget>,
    crowd: Arc<Crowd>,
    max_archives: usize,
    meter: Arc<Meter>,
    permits: Arc<Semaphore>,
    compressors: Workers,
}

impl Shared {
    /// The look-ahead of an archive that starts now.
    fn prefetch(&self) -> Prefetch {
        Prefetch::new(self.client.clone(), &self.budget, &self.crowd, self.config.clone())
    }
}

/// What a client may have in one archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that all sources may measure together, in bytes.
    pub size: u64,
}

/// An archive whose sources have been asked.
pub struct Probed {
    compressors: Workers,
    descriptor: Descriptor,
    facts: Facts,
    /// Why sources failed that are left out for it.
    failed: BTreeMap<usize, Reason>,
    first: Option<(usize, fetch::Opened)>,
    /// What the sources told now.
    heads: Vec<Option<Head>>,
    limits: Limits,
    meter: Arc<Meter>,
    permit: OwnedSemaphorePermit,
    prefetch: Prefetch,
}

/// An archive whose bytes are decided.
pub struct Planned {
    /// The name to save it under.
    pub filename: Filename,
    /// What its headers tell.
    pub forecast: Forecast,
    permit: OwnedSemaphorePermit,
    production: Production,
}

/// An archive that has begun.
pub struct Archive {
    /// How many of its entries are complete; grows as it is read.
    pub entries_done: Arc<AtomicUsize>,
    /// How many of its entries were left out so far.
    pub entries_skipped: Arc<AtomicUsize>,
    /// The name to save it under.
    pub filename: Filename,
    /// Its exact length in bytes, where the plan tells it.
    pub length: Option<u64>,
    /// Its bytes.
    pub stream: Stream,
}

impl Archive {
    /// How many of its entries are left out, as far as that is known by now.
    pub fn known_skipped(&self) -> usize {
        self.entries_skipped.load(Ordering::Relaxed)
    }
}

/// The bytes of an archive; an error is the last item.
///
/// It holds the archive's permit; dropping it closes every source.
pub struct Stream {
    pieces: Pieces,
    _permit: OwnedSemaphorePermit,
}

impl Archives {
    /// Makes archives out of what `client` reads, at most `max_archives` at once.
    pub fn new(client: fetch::Client, config: Config, max_archives: usize) -> Archives {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let compressors = if config.compressors == 0 { cores() } else { config.compressors };
        Archives(Arc::new(Shared {
            client,
            budget: Budget::new(config.prefetch_total.0),
            crowd: Arc::default(),
            config,
            max_archives,
            meter: Meter::new(),
            permits: Arc::new(Semaphore::new(max_archives)),
            compressors: Workers::new(compressors),
        }))
    }

    /// The account of bytes held ahead by all archives.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Sets the gauges of what is open and held at this moment.
    pub fn observe(&self) {
        let Shared { budget, max_archives, meter, permits, .. } = &*self.0;
        let open = max_archives.saturating_sub(permits.available_permits());
        meter.observe(open, *max_archives, budget);
    }

    /// Plans an archive again by what was frozen, without asking its sources: for a part of it.
    ///
    /// # Errors
    /// When as many archives as may be are being made.
    pub fn replan(&self, descriptor: Descriptor, limits: Limits, facts: Facts) -> Result<Planned, Failure> {
        let shared = &self.0;
        let permit = Arc::clone(&shared.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Failure::of_archive(Reason::Overloaded))?;
        let prefetch = shared.prefetch();
        Probed {
            compressors: shared.compressors.clone(),
            descriptor,
            facts: facts.clone(),
            failed: BTreeMap::new(),
            first: None,
            heads: Vec::new(),
            limits,
            meter: Arc::clone(&shared.meter),
            permit,
            prefetch,
        }
        .plan(facts)
    }

    /// Asks the sources of an archive, within its permit. `known` is what was frozen when the archive was first
    /// planned, if it was.
    ///
    /// # Errors
    /// Whatever is known by then to keep the archive from being whole.
    ///
    /// # Cancel safety
    /// Dropping the future closes every source.
    pub async fn probe(
        &self,
        descriptor: Descriptor,
        limits: Limits,
        known: Option<Facts>,
    ) -> Result<Probed, Failure> {
        let shared = &self.0;
        let permit = Arc::clone(&shared.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Failure::of_archive(Reason::Overloaded))?;
        let prefetch = shared.prefetch();
        let descriptor = Arc::new(descriptor);
        let answers = probe(&descriptor, known.as_ref(), &prefetch, &shared.config).await;
        let Answers { compressed, heads, first, failed } =
            answers.inspect_err(|failure| shared.meter.note_failure(failure))?;
        let facts = known.unwrap_or_else(|| Facts {
            compressed,
            heads: heads.clone(),
            inline_size: shared.config.inline_size.0,
            time: unix_now(),
        });
        let (compressors, meter) = (shared.compressors.clone(), Arc::clone(&shared.meter));
        // Requests of silent sources may still be on their way out.
        let descriptor = Arc::unwrap_or_clone(descriptor);
        Ok(Probed { compressors, descriptor, facts, failed, first, heads, limits, meter, permit, prefetch })
    }
}

impl Probed {
    /// What the archive will be planned by.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Plans the archive by `facts`: its own, or those that another request for the same archive froze first.
    ///
    /// # Errors
    /// When the sources are too large together, or have answered otherwise than the facts say; where such are left out,
    /// when none of them is left.
    pub fn plan(mut self, facts: Facts) -> Result<Planned, Failure> {
        self.hold_against(&facts).inspect_err(|failure| self.meter.note_failure(failure))?;
        let Probed { compressors, descriptor, failed, first, limits, meter, permit, mut prefetch, .. } = self;
        let filename = descriptor.filename.clone();
        let mut plan = planned(descriptor, facts);
        for (index, reason) in &failed {
            plan.entries[*index].skipped = reason.as_skipped();
        }
        plan.check_size(limits.size).map_err(Failure::of_archive)?;
        if let Some((index, reason)) = hollow(&plan, &failed) {
            let failure = Failure::of_entry(index, plan.entries.get(index), reason);
            meter.note_failure(&failure);
            return Err(failure);
        }
        let forecast = Forecast::of(&plan);
        let first = first.filter(|(index, _)| !failed.contains_key(index));
        if let Some((index, _)) = &first {
            prefetch.leave(*index);
        }
        let (limit, scribe, state) = (limits.size, Scribe::new(None), State::default());
        state.skipped.store(failed.len(), Ordering::Relaxed);
        failed.keys().for_each(|_| meter.note_skipped());
        let production =
            Production { plan, prefetch, first, failed, compressors, limit, meter, scribe, state };
        Ok(Planned { filename, forecast, permit, production })
    }

    /// Holds what the sources told now against facts.
    fn hold_against(&mut self, facts: &Facts) -> Result<(), Failure> {
        let skips = self.descriptor.skips();
        for (index, (entry, head)) in self.descriptor.entries.iter().zip(&self.heads).enumerate() {
            match head.as_ref().map_or(Ok(()), |told| unchanged(index, facts, told)) {
                Ok(()) => {}
                Err(reason) if skips => drop(self.failed.insert(index, reason)),
                Err(reason) => return Err(blamed(index, entry, reason)),
            }
        }
        Ok(())
    }
}

impl Planned {
    /// Produces the archive's first piece; the rest follows as it is read. What passes by is written down in `ledger`,
    /// if there is one and the archive has an entity tag.
    ///
    /// # Errors
    /// When the first piece cannot be made.
    ///
    /// # Cancel safety
    /// Dropping the future closes every source.
    pub async fn start(mut self, ledger: Option<Arc<dyn Ledger>>) -> Result<Archive, Failure> {
        self.production.scribe = Scribe::new(ledger.filter(|_| self.forecast.etag.is_some()));
        let (entries_done, entries_skipped) = self.production.counts();
        let pieces = begin(stream(self.production).boxed()).await?;
        let stream = Stream { pieces, _permit: self.permit };
        let (filename, length) = (self.filename, self.forecast.length);
        Ok(Archive { entries_done, entries_skipped, filename, length, stream })
    }

    /// How many bytes must be read beside those of a part of the archive, by what was `seen` of its sources; none where
    /// parts cannot be made.
    pub fn reread(&self, window: &Range<u64>, seen: &Seen) -> Option<u64> {
        let plan = &self.production.plan;
        self.forecast.etag.as_ref()?;
        Some(range::reread(plan, &plan.layout()?, window, seen))
    }

    /// Produces the first piece of a part of the archive, which must not be empty; the rest follows as it is read.
    ///
    /// # Errors
    /// When the first piece cannot be made, or the archive has no entity tag.
    ///
    /// # Cancel safety
    /// Dropping the future closes every source.
    pub async fn start_part(
        self,
        window: Range<u64>,
        ledger: Arc<dyn Ledger>,
        seen: Seen,
    ) -> Result<Archive, Failure> {
        let Production { plan, prefetch, meter, .. } = self.production;
        let layout = plan.layout().filter(|_| self.forecast.etag.is_some());
        let layout = layout.ok_or_else(|| Failure::of_archive(Reason::NotDivisible))?;
        let length = Some(window.end - window.start);
        let part = Ranged::new(plan, layout, window, prefetch, meter, (ledger, seen));
        let entries_done = part.entries_done();
        let pieces = begin(range::stream(part).boxed()).await?;
        let stream = Stream { pieces, _permit: self.permit };
        let (entries_skipped, filename) = (Arc::default(), self.filename);
        Ok(Archive { entries_done, entries_skipped, filename, length, stream })
    }
}

/// The pieces of an archive.
type Pieces = Peekable<BoxStream<'static, Result<Bytes, Failure>>>;

/// Waits for the first piece.
async fn begin(pieces: BoxStream<'static, Result<Bytes, Failure>>) -> Result<Pieces, Failure> {
    let mut pieces = pieces.peekable();
    match Pin::new(&mut pieces).peek().await {
        Some(Err(failure)) => Err(failure.clone()),
        Some(Ok(_)) | None => Ok(pieces),
    }
}

/// What is known of an archive ahead of its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Its strong entity tag, with quotes; where there is one, any part of the archive can be made again.
    pub etag: Option<String>,
    /// Its exact length in bytes, where the plan tells it.
    pub length: Option<u64>,
}

impl Forecast {
    fn of(plan: &Plan) -> Forecast {
        Forecast { etag: plan.etag(), length: plan.archive_length() }
    }

    /// Tag and length of an archive that can be had in parts.
    pub fn divisible(&self) -> Option<(&str, u64)> {
        Some((self.etag.as_deref()?, self.length?))
    }
}

/// Foretells an archive that was planned before, without asking its sources.
///
/// # Errors
/// When the sources are too large together.
pub fn foretell(descriptor: Descriptor, limits: Limits, facts: Facts) -> Result<Forecast, Failure> {
    let plan = planned(descriptor, facts);
    plan.check_size(limits.size).map_err(Failure::of_archive)?;
    Ok(Forecast::of(&plan))
}

/// Makes the plan of a descriptor.
fn planned(descriptor: Descriptor, facts: Facts) -> Plan {
    Plan::new(descriptor.entries, descriptor.manifest, facts)
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

impl futures_util::Stream for Stream {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(cx)
    }
}

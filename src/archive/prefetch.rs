//! Look-ahead: which sources are opened before their turn, and how much of them.
//!
//! Many small reads at once hide latency; many big idle sockets only cost. So only beginnings are asked for, as far
//! as the reader's pace reaches, under the budget of the archive and that of the process.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::budget::{Budget, Demand, Held, Pace};
use crate::descriptor::{HttpSource, Source};
use crate::fetch::{self, Ask, Reader};
use crate::plan::{Head, Plan};

use super::Config;
use super::slots::{Ahead, Slot, Slots, watch};

/// How many entries further than the current one are looked at.
const REACH: usize = 256;

/// The look-ahead of one archive.
pub(super) struct Prefetch {
    pub(super) client: fetch::Client,
    pub(super) demand: Arc<Demand>,
    budget: Arc<Budget>,
    config: Config,
    slots: Arc<Slots>,
    pace: Pace,
    _watch: AbortOnDropHandle<()>,
}

impl Prefetch {
    /// Makes the look-ahead of an archive that starts now.
    pub(super) fn new(client: fetch::Client, budget: Arc<Budget>, config: Config) -> Prefetch {
        let (slots, demand) = (Slots::new(), Arc::new(Demand::default()));
        let watch = tokio::spawn(watch(Arc::downgrade(&slots), Arc::clone(&demand)));
        let _watch = AbortOnDropHandle::new(watch);
        Prefetch { client, demand, budget, config, slots, pace: Pace::new(Instant::now()), _watch }
    }

    /// Notes that the archive's first second begins.
    pub(super) fn start(&mut self) {
        self.pace = Pace::new(Instant::now());
    }

    /// Keeps what the probe got of a source.
    pub(super) fn keep(&self, index: usize, ahead: Ahead, held: Held) {
        let bytes = held.bytes();
        self.slots.put(index, Slot::Ready(ahead, held), bytes);
    }

    /// Takes what was got of a source at its turn, with the bytes it holds; waits where it is being asked.
    pub(super) async fn take(&self, index: usize) -> Option<(Ahead, Held)> {
        match self.slots.take(index)? {
            Slot::Ready(ahead, held) => Some((ahead, held)),
            // A request that failed ahead is made again at its turn, with all its attempts.
            Slot::Opening(opening) => opening.await.ok().flatten(),
        }
    }

    /// Opens what comes after `current`, of which `remaining` bytes are still to be written.
    pub(super) fn look_ahead(&mut self, plan: &Plan, current: usize, remaining: u64) {
        let allowed = self.pace.last_second(Instant::now(), self.demand.taken());
        let allowed = allowed.unwrap_or(self.config.prefetch_size.0);
        let mut distance = remaining;
        // One inlined entry may always be held, however slow the reader is.
        if distance > allowed.max(self.config.inline_size.0) {
            return;
        }
        let (mut open, mut held) = self.slots.load();
        let mut is_nearest = true;
        for (index, entry) in plan.entries.iter().enumerate().skip(current + 1).take(REACH) {
            let length = entry.length();
            if let Source::Http(source) = &entry.source {
                let most = self.config.probe_size.0;
                let bytes = length.unwrap_or(most).min(most).max(1);
                let is_short = length.is_some_and(|length| length <= most);
                // Of a source known not to be continuable a beginning would be thrown away at its turn.
                let is_next = is_nearest && entry.head.as_ref().is_none_or(Head::is_resumable);
                let allowed = if held == 0 { allowed.max(self.config.inline_size.0) } else { allowed };
                if !self.slots.holds(index) && (is_short || is_next) {
                    if open + 1 >= self.client.config().per_host || held + bytes > allowed {
                        return;
                    }
                    let Some(account) = self.budget.try_hold(bytes) else { return };
                    let opening = self.open(Arc::clone(source), entry.head.clone(), account);
                    self.slots.put(index, Slot::Opening(opening), bytes);
                    (open, held) = (open + 1, held + bytes);
                }
                is_nearest = false;
            }
            distance = distance.saturating_add(length.unwrap_or(0));
            if distance > allowed {
                return;
            }
        }
    }

    fn open(
        &self,
        source: Arc<HttpSource>,
        head: Option<Head>,
        held: Held,
    ) -> AbortOnDropHandle<Option<(Ahead, Held)>> {
        let (client, demand) = (self.client.clone(), Arc::clone(&self.demand));
        let inline_size = self.config.inline_size.0;
        AbortOnDropHandle::new(tokio::spawn(async move {
            let opened = client.open(Arc::clone(&source), Ask::Beginning(held.bytes()), true).await.ok()?;
            park(&client, source, head, opened, held, inline_size, &demand).await.ok()?.1
        }))
    }
}

/// Makes of an answer what may wait for its turn: a small body is read to its end, which frees its connection; a
/// beginning or a body of known, granted length waits in the kernel; anything else is given up but for its head.
///
/// # Errors
/// When a small body breaks.
pub(super) async fn park(
    client: &fetch::Client,
    source: Arc<HttpSource>,
    head: Option<Head>,
    opened: fetch::Opened,
    mut held: Held,
    inline_size: u64,
    demand: &Arc<Demand>,
) -> Result<(Head, Option<(Ahead, Held)>), fetch::Error> {
    let told = opened.head.clone();
    if head.is_some_and(|head| !head.agrees_with(&told)) {
        // Its turn will say so, in the words of the reader.
        return Ok((told, None));
    }
    match (told.length, opened.covered()) {
        (Some(length), Some(covered)) if covered <= held.bytes() => {
            if opened.is_whole() && length <= inline_size {
                held.shrink_to(length);
                let body = gather(client, source, opened, demand).await?;
                return Ok((told, Some((Ahead::Gathered(body), held))));
            }
            if opened.is_whole() || (opened.is_extendable() && covered > 1) {
                held.shrink_to(covered);
                return Ok((told, Some((Ahead::Open(Box::new(opened)), held))));
            }
            Ok((opened.into_head(), None))
        }
        _ => Ok((opened.into_head(), None)),
    }
}

async fn gather(
    client: &fetch::Client,
    source: Arc<HttpSource>,
    opened: fetch::Opened,
    demand: &Arc<Demand>,
) -> Result<Vec<Bytes>, fetch::Error> {
    let reader = Reader::new(client.clone(), source, None, Some(opened), Arc::clone(demand));
    let mut reader = reader.forgettable();
    let mut body = Vec::new();
    while let Some(chunk) = reader.next().await? {
        if reader.offset() == chunk.len() as u64 {
            body.clear();
        }
        body.push(chunk);
    }
    Ok(body)
}

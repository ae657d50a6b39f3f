//! Look-ahead: which sources are opened before their turn, and how much of them.
//!
//! Many small reads at once hide latency; many big idle sockets only cost. So only beginnings are asked for, as far
//! as the reader's pace reaches, under the budget of the archive and that of the process.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use crate::budget::{Budget, Crowd, Demand, Held, Pace};
use crate::descriptor::{HttpSource, Source};
use crate::fetch::{self, Ask};
use crate::plan::{Entry, Form, Head, Plan};

use super::Config;
use super::body::is_summed;
use super::drivers::Drivers;
use super::park::Parking;
use super::slots::{Ahead, Slots};

/// The look-ahead of one archive.
pub(super) struct Prefetch {
    pub(super) client: fetch::Client,
    pub(super) demand: Arc<Demand>,
    /// The archive's own account, within that of the process.
    pub(super) budget: Arc<Budget>,
    pub(super) drivers: Drivers,
    pub(super) slots: Arc<Slots>,
    config: Config,
    /// The first entry for which nothing was done ahead yet.
    cursor: usize,
    /// The first entry behind all whose turn to be read has come.
    front: usize,
    /// The first entry that will not be needed.
    end: usize,
    /// Whether only inlined entries are opened ahead.
    only_inlined: bool,
    /// Entries that need not be read.
    needless: BTreeSet<usize>,
    pace: Pace,
    /// What is asked of a source whose length is not known, in bytes, once that is decided.
    guess: Option<u64>,
    /// The piece that the reader took last, in bytes, and when it was handed out.
    handed: Option<(u64, Instant)>,
}

impl Prefetch {
    /// Makes the look-ahead of an archive that starts now.
    pub(super) fn new(
        client: fetch::Client,
        process: &Arc<Budget>,
        crowd: &Arc<Crowd>,
        config: Config,
    ) -> Prefetch {
        let budget = process.child(process.total());
        let demand = Arc::new(Demand::among(crowd));
        let slots = Slots::new(Arc::clone(&demand));
        let ahead = Arc::downgrade(&slots);
        let others = move || ahead.upgrade().map_or(0, |slots| slots.connections());
        let allowance = fetch::Allowance::new(Arc::clone(&budget), others);
        let client = client.within(allowance);
        let pace = Pace::new(Instant::now());
        Prefetch {
            client,
            demand,
            budget,
            drivers: Drivers::default(),
            slots,
            config,
            cursor: 0,
            front: 0,
            end: usize::MAX,
            only_inlined: false,
            needless: BTreeSet::new(),
            pace,
            guess: None,
            handed: None,
        }
    }

    /// Leaves an entry alone whose source has answered already.
    pub(super) fn leave(&mut self, index: usize) {
        self.needless.insert(index);
    }

    /// Leaves the entries from an index on alone, and long ones, which a part opens at the offset that it needs.
    pub(super) fn reach_for_part(&mut self, end: usize) {
        (self.end, self.only_inlined) = (end, true);
    }

    /// Begins anew with the first entry, and leaves those alone that need not be read.
    pub(super) fn begin_anew(&mut self, needless: BTreeSet<usize>) {
        (self.cursor, self.front, self.end, self.needless) = (0, 0, usize::MAX, needless);
    }

    /// Notes that the reader comes for a piece: for the first one, with which the archive's first second begins, or
    /// for another.
    pub(super) fn note_asked(&mut self) {
        let now = Instant::now();
        match self.handed.take() {
            Some((bytes, at)) => self.demand.note(bytes, now - at),
            None => self.pace = Pace::new(now),
        }
    }

    /// Notes that the reader is given so many bytes.
    pub(super) fn note_handed(&mut self, bytes: u64) {
        self.handed = Some((bytes, Instant::now()));
    }

    /// Takes what was got of a source at its turn, with the bytes it holds; waits where it is being asked.
    pub(super) async fn take(&self, index: usize) -> Option<(Ahead, Held)> {
        poll_fn(|cx| self.slots.poll_take(index, cx)).await
    }

    /// Whether the reader comes past an entry in about a second, and all that is to be asked for it is asked.
    pub(super) fn comes_past(&mut self, index: usize, entry: &Entry) -> bool {
        let is_asked = !matches!(entry.source, Source::Http(_)) || self.slots.holds(index);
        is_asked && entry.length().is_some_and(|length| length <= self.allowed())
    }

    /// How many bytes the reader takes in about a second.
    fn allowed(&mut self) -> u64 {
        let pace = self.pace.last_second(Instant::now(), self.demand.taken());
        // One inlined entry may always be held, however slow the reader is.
        pace.unwrap_or(self.config.prefetch_size.0).max(self.config.inline_size.0)
    }

    /// Opens what comes after `current`, of which `remaining` bytes are still to be read, as far as the reader comes
    /// in about a second.
    pub(super) fn look_ahead(&mut self, plan: &Plan, current: usize, remaining: u64) {
        let allowed = self.allowed();
        let given_up = self.slots.take_given_up().unwrap_or(usize::MAX);
        self.front = self.front.max(current + 1);
        self.cursor = self.cursor.min(given_up).max(self.front);
        while let Some(entry) = plan.entries.get(self.cursor).filter(|_| self.cursor < self.end) {
            // What is held lies between the reader and the cursor.
            if remaining.saturating_add(self.budget.held()) > allowed {
                return;
            }
            let length = entry.length();
            // A source that answered without telling a length was gathered then, or is too long to be.
            let is_known_endless = length.is_none() && entry.head.is_some();
            if let Source::Http(source) = &entry.source
                && entry.skipped.is_none()
                && !self.needless.contains(&self.cursor)
                && !is_known_endless
                && !(self.only_inlined && entry.form != Form::Inline)
                && !self.slots.holds(self.cursor)
            {
                let most = self.config.probe_size.0;
                let is_short = length.is_none_or(|length| length <= most);
                let bytes = length.unwrap_or_else(|| self.guess(plan)).min(most).max(1);
                // Of a source known not to be continuable a beginning would be thrown away at its turn.
                let is_extendable = entry.head.as_ref().is_none_or(Head::is_resumable);
                let is_next = self.cursor == self.front && is_extendable;
                let fits = self.budget.held() + bytes <= allowed;
                if !(is_short || is_next) || !fits || !self.client.has_room(0) {
                    return;
                }
                let Some(held) = self.budget.try_hold(bytes) else { return };
                self.open(self.cursor, entry, source, held);
            }
            self.cursor += 1;
        }
    }

    /// How much to ask of a source whose length is not known: as much as covers nine in ten of those that told theirs. A
    /// larger hold would keep others from being asked, a smaller one would leave a rest to be asked for.
    fn guess(&mut self, plan: &Plan) -> u64 {
        *self.guess.get_or_insert_with(|| {
            let heads = plan.entries.iter().filter_map(|entry| entry.head.as_ref());
            let mut lengths: Vec<u64> = heads.filter_map(|head| head.length).collect();
            lengths.sort_unstable();
            let usual = lengths.get(lengths.len().saturating_sub(1) * 9 / 10);
            usual.map_or(self.config.probe_size.0, |&usual| usual.max(self.config.inline_size.0))
        })
    }

    fn open(&self, index: usize, entry: &Entry, source: &Arc<HttpSource>, held: Held) {
        let parking = Parking {
            client: self.client.clone(),
            demand: Arc::clone(&self.demand),
            source: Arc::clone(source),
            inline_size: self.config.inline_size.0,
            is_summed: is_summed(entry),
        };
        let (head, bytes) = (entry.head.clone(), held.bytes());
        self.slots.open(&self.drivers, index, bytes, |mut unsettled| {
            Box::pin(async move {
                if let Ok(opened) =
                    parking.client.open(Arc::clone(&parking.source), Ask::Beginning(bytes)).await
                {
                    let parked = parking.park(head, opened, held).await;
                    unsettled.settle(parked.ok().flatten());
                }
            })
        });
    }
}

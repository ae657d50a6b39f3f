//! Asking the sources before the first byte: what can fail by then is answered with a status.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{OptionFuture, abortable};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use url::Origin;

use crate::budget::{Budget, Demand, Held};
use crate::descriptor::{self, Compression, Descriptor, HttpSource, Source};
use crate::fetch::{self, Ask};
use crate::plan::{self, Facts, Head};

use super::drivers::{Driven, Drivers};
use super::look;
use super::park::Parking;
use super::prefetch::Prefetch;
use super::slots::Slots;
use super::{Config, FailedEntry, Failure, Reason};

/// What was learnt, and the first source's open answer.
pub(super) struct Answers {
    /// By the entry's index: whether its data is compressed already, where the client leaves its compression to us.
    pub(super) compressed: Vec<bool>,
    /// By the entry's index; `None` for what is no HTTP source or was silent.
    pub(super) heads: Vec<Option<Head>>,
    /// The answer of the source whose turn comes first, whole.
    pub(super) first: Option<(usize, fetch::Opened)>,
    /// Why sources failed that are left out for it, by the entry's index.
    pub(super) failed: BTreeMap<usize, Reason>,
}

/// How many sources of one archive are looked at at once: each holds [`look::LOOK`] bytes meanwhile and a read, which is
/// beside the budgets, so that no moment's load decides how an entry is written.
const LOOKS: usize = 32;

/// How long the first source is looked at that has answered only when `archive.probe_timeout` had run out.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// What all questions of a probe share.
struct Asking {
    descriptor: Arc<Descriptor>,
    client: fetch::Client,
    budget: Arc<Budget>,
    demand: Arc<Demand>,
    slots: Arc<Slots>,
    inline_size: u64,
    /// What is asked of a source ahead of its turn, in bytes.
    share: u64,
    /// How many beginnings are granted and not kept yet.
    granted: AtomicUsize,
    looks: Semaphore,
    /// When `archive.probe_timeout` runs out.
    deadline: Instant,
    /// By the entry's index: whether its data is compressed already.
    compressed: Vec<AtomicBool>,
    /// What the sources told, by the entry's index; empty once the probe is over.
    heads: Mutex<Vec<Option<Head>>>,
}

/// A source that is asked.
struct Question {
    asking: Arc<Asking>,
    index: usize,
    source: Arc<HttpSource>,
    /// What it told when the plan was frozen.
    frozen: Option<Head>,
    /// Whether its turn comes first: it is asked for all of it.
    is_first: bool,
    /// Whether its data decides how it is written.
    is_looked_at: bool,
}

/// A source's answer.
struct Answered {
    opened: fetch::Opened,
    /// What it may keep until its turn.
    held: Option<Held>,
    grant: Option<Grant>,
    /// Its place among those that its host is asked for.
    permit: Option<OwnedSemaphorePermit>,
}

/// A beginning that is granted and not kept yet, counted.
struct Grant(Arc<Asking>);

impl Grant {
    /// One more, beside how many others.
    fn new(asking: &Arc<Asking>) -> (Grant, usize) {
        let others = asking.granted.fetch_add(1, Ordering::Relaxed);
        (Grant(Arc::clone(asking)), others)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.0.granted.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks the first sources all at once, and waits until they have answered, or until `archive.probe_timeout` has run
/// out and the one whose turn comes first has answered.
///
/// # Errors
/// The first definite failure, unless its entry is left out for it; with `known` facts also that a source is not what
/// it was then.
pub(super) async fn probe(
    descriptor: &Arc<Descriptor>,
    known: Option<&Facts>,
    prefetch: &Prefetch,
    config: &Config,
) -> Result<Answers, Failure> {
    let asking = Arc::new(Asking::new(descriptor, known, prefetch, config));
    let mut questions = asking.questions(known, config).into_iter();
    // This task asks the first one itself: an archive of one file is not worth waking another thread.
    let first = questions.next().map(|question| async { (question.index, question.ask().await) });
    let mut asked_first = pin!(OptionFuture::from(first));
    let (requests, mut failures) = ask_beside(questions, &prefetch.drivers, asking.client.config().per_host);
    let (mut first, mut failed) = (None, BTreeMap::new());
    let (mut first_is_due, mut others_are_due) = (true, true);
    let mut clock = pin!(tokio::time::sleep_until(asking.deadline));
    let mut is_late = false;
    while first_is_due || (others_are_due && !is_late) {
        let failure = tokio::select! {
            biased;
            asked = &mut asked_first, if first_is_due => {
                first_is_due = false;
                match asked {
                    Some((index, Err(reason))) => Some((index, reason)),
                    Some((index, Ok(opened))) => {
                        first = opened.map(|opened| (index, opened));
                        None
                    }
                    None => None,
                }
            }
            failure = failures.recv(), if others_are_due => {
                others_are_due = failure.is_some();
                failure
            }
            () = &mut clock, if !is_late => {
                is_late = true;
                None
            }
        };
        let Some((index, reason)) = failure else { continue };
        if !descriptor.skips() || reason.as_skipped().is_none() {
            return Err(blamed(index, &descriptor.entries[index], reason));
        }
        asking.note(index, None);
        failed.insert(index, reason);
    }
    drop(requests);
    let compressed = asking.compressed.iter().map(|is_compressed| is_compressed.load(Ordering::Relaxed));
    let (compressed, heads) = (compressed.collect(), std::mem::take(&mut *asking.heads()));
    Ok(Answers { compressed, heads, first, failed })
}

/// Has sources asked beside this task, so many of each host at once, until what is returned first is dropped. The failures
/// end when all have come to something.
fn ask_beside(
    questions: impl Iterator<Item = Question>,
    drivers: &Drivers,
    per_host: usize,
) -> (Vec<Driven>, UnboundedReceiver<(usize, Reason)>) {
    let mut hosts: HashMap<Origin, VecDeque<Question>> = HashMap::new();
    for question in questions {
        hosts.entry(question.source.url.origin()).or_default().push_back(question);
    }
    let (tell, failures) = unbounded_channel();
    let mut requests = Vec::new();
    for questions in hosts.into_values() {
        let rows = questions.len().min(per_host);
        let questions = Arc::new(Mutex::new(questions));
        for _ in 0..rows {
            let (request, handle) = abortable(ask_in_turn(Arc::clone(&questions), tell.clone()).boxed());
            drivers.drive(request);
            requests.push(Driven(handle));
        }
    }
    (requests, failures)
}

/// Asks sources of one host, one after another, until all are asked. Whoever has an answer asks the next: where it gave its
/// place to another of the other driver, the runtime kept that one for the same thread, and let the other thread sleep.
async fn ask_in_turn(questions: Arc<Mutex<VecDeque<Question>>>, tell: UnboundedSender<(usize, Reason)>) {
    // It is whole between any two statements, so another thread's panic spoils nothing.
    let next = || questions.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(question) = next() {
        let index = question.index;
        if let Err(reason) = question.ask().await {
            // Whoever does not listen any more has failed, or goes on without.
            _ = tell.send((index, reason));
        }
    }
}

/// Holds what a source tells now against what it told when the plan was frozen.
///
/// # Errors
/// When it is not the same source any more.
pub(super) fn unchanged(index: usize, facts: &Facts, told: &Head) -> Result<(), Reason> {
    match facts.heads.get(index) {
        Some(Some(frozen)) => Ok(fetch::unchanged(frozen, told)?),
        Some(None) | None => Ok(()),
    }
}

impl Asking {
    fn new(
        descriptor: &Arc<Descriptor>,
        known: Option<&Facts>,
        prefetch: &Prefetch,
        config: &Config,
    ) -> Asking {
        let entries = &descriptor.entries;
        // What was frozen is not looked at again.
        let by_name = |entry| known.is_none() && look::by_name(entry);
        let sources = entries.iter().filter(|entry| matches!(entry.source, Source::Http(_)));
        let asked = sources.take(config.probe_files).count() as u64;
        Asking {
            descriptor: Arc::clone(descriptor),
            client: prefetch.client.clone(),
            budget: Arc::clone(&prefetch.budget),
            demand: Arc::clone(&prefetch.demand),
            slots: Arc::clone(&prefetch.slots),
            inline_size: config.inline_size.0,
            share: config.probe_size.0.min(config.prefetch_size.0 / asked.max(1)).max(1),
            granted: AtomicUsize::new(0),
            looks: Semaphore::new(LOOKS),
            deadline: Instant::now() + config.probe_timeout,
            compressed: entries.iter().map(|entry| AtomicBool::new(by_name(entry))).collect(),
            heads: Mutex::new(vec![None; entries.len()]),
        }
    }

    /// Who is asked, in the order of the entries.
    fn questions(self: &Arc<Self>, known: Option<&Facts>, config: &Config) -> Vec<Question> {
        let entries = self.descriptor.entries.iter().enumerate();
        let sources = entries.filter_map(|(index, entry)| match &entry.source {
            Source::Http(source) => Some((index, entry, source)),
            Source::Directory | Source::Data(_) => None,
        });
        let questions = sources.take(config.probe_files).enumerate().map(|(turn, (index, entry, source))| {
            let is_auto = known.is_none() && entry.compression == Compression::Auto;
            Question {
                asking: Arc::clone(self),
                index,
                source: Arc::clone(source),
                frozen: known.and_then(|facts| facts.heads.get(index)).cloned().flatten(),
                is_first: turn == 0,
                is_looked_at: is_auto && !self.compressed[index].load(Ordering::Relaxed),
            }
        });
        questions.collect()
    }

    /// Notes what a source told, where somebody still listens.
    fn note(&self, index: usize, told: Option<Head>) {
        if let Some(head) = self.heads().get_mut(index) {
            *head = told;
        }
    }

    fn heads(&self) -> MutexGuard<'_, Vec<Option<Head>>> {
        // The heads are whole between any two statements, so another thread's panic spoils nothing.
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Asks the source, and keeps of its answer what may wait for its turn; gives that of the first one back, unless it
    /// broke while it was looked at.
    ///
    /// # Errors
    /// When the source fails, or is not what the descriptor declares, or what was frozen.
    async fn ask(self) -> Result<Option<fetch::Opened>, Reason> {
        let answered = self.open().await?;
        let told = &answered.opened.head;
        self.entry().expected.check_length(told.length)?;
        if let Some(frozen) = &self.frozen {
            fetch::unchanged(frozen, told)?;
        }
        // What was told counts, also where the clock runs out over what it sends.
        self.asking.note(self.index, Some(told.clone()));
        Ok(self.keep(answered).await?)
    }

    fn entry(&self) -> &descriptor::Entry {
        &self.asking.descriptor.entries[self.index]
    }

    /// Opens the source.
    async fn open(&self) -> Result<Answered, fetch::Error> {
        let Asking { client, budget, share, .. } = &*self.asking;
        let source = Arc::clone(&self.source);
        if self.is_first {
            let opened = client.open(source, Ask::Whole).await?;
            return Ok(Answered { opened, held: None, grant: None, permit: None });
        }
        let permit = client.admit(&source).await;
        // As many beginnings may be asked for or wait as one archive may have connections; of other sources no more is
        // asked than what is looked at, or one byte.
        let (grant, others) = Grant::new(&self.asking);
        let held = client.has_room(others).then(|| budget.try_hold(*share)).flatten();
        let grant = held.is_some().then_some(grant);
        let least = if self.is_looked_at { look::LOOK as u64 } else { 1 };
        let ask = Ask::Beginning(held.as_ref().map_or(0, Held::bytes).max(least));
        let opened = client.open(source, ask).await?;
        Ok(Answered { opened, held, grant, permit })
    }

    /// Looks at what the source sends where that decides, and keeps what may wait for its turn.
    async fn keep(&self, answered: Answered) -> Result<Option<fetch::Opened>, fetch::Error> {
        let Answered { opened, held, grant: _grant, permit } = answered;
        // Until its connection is free again; but others are not to wait for what is looked at.
        let _permit = permit.filter(|_| !self.is_looked_at);
        let opened = if self.is_looked_at { self.look(opened).await } else { Some(opened) };
        match (opened, held) {
            (None, _) => {}
            (Some(opened), _) if self.is_first => return Ok(Some(opened)),
            (Some(opened), None) => opened.give_up(),
            (Some(opened), Some(held)) => {
                let Asking { client, demand, inline_size, slots, .. } = &*self.asking;
                let parking = Parking {
                    client: client.clone(),
                    demand: Arc::clone(demand),
                    source: Arc::clone(&self.source),
                    inline_size: *inline_size,
                    is_summed: self.entry().compression == Compression::Store,
                };
                let ahead = parking.park(self.frozen.clone(), opened, held).await?;
                // Behind the probe's end its head is not noted, and the source may have been asked again.
                let heads = self.asking.heads();
                if let Some((ahead, held)) = ahead.filter(|_| !heads.is_empty()) {
                    slots.keep(self.index, ahead, held);
                }
            }
        }
        Ok(None)
    }

    /// Decides whether a source's data is compressed already, by its type or by its beginning; what does not come before
    /// the clock runs out says nothing. Gives the answer back unless it broke.
    async fn look(&self, mut opened: fetch::Opened) -> Option<fetch::Opened> {
        let compressed = &self.asking.compressed[self.index];
        if plan::compressed_by(self.entry(), opened.content_type.as_deref()).is_some() {
            compressed.store(true, Ordering::Relaxed);
            return Some(opened);
        }
        let Asking { client, deadline, demand, looks, .. } = &*self.asking;
        let mut is_broken = false;
        let looked = async {
            // Whoever sends nothing takes no other's place.
            let begun = opened.peek(look::FIRST).await;
            // The archive waits for the first one whatever the others do.
            let _look = if self.is_first { None } else { looks.acquire().await.ok() };
            let beginning = match begun {
                Ok(_) => opened.peek(look::LOOK).await,
                broken @ Err(_) => broken,
            };
            let beginning = match beginning {
                Ok(beginning) => beginning,
                Err(_) => {
                    is_broken = true;
                    look::again(client, &self.source, opened.head.clone(), demand).await
                }
            };
            look::looks_compressed(&beginning)
        };
        let least = if self.is_first { Instant::now() + FIRST_LOOK } else { *deadline };
        let looks_compressed = timeout_at(least.max(*deadline), looked).await.unwrap_or(false);
        compressed.store(looks_compressed, Ordering::Relaxed);
        (!is_broken).then_some(opened)
    }
}

/// Blames an entry.
pub(super) fn blamed(index: usize, entry: &descriptor::Entry, reason: Reason) -> Failure {
    Failure {
        reason,
        entry: Some(FailedEntry {
            index,
            zip_path: entry.name.as_str().to_owned(),
            url: entry.source.shown(),
        }),
    }
}

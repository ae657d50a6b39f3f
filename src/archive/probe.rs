//! Asking the sources before the first byte: what can fail by then is answered with a status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::budget::Held;
use crate::descriptor::{self, Compression, Descriptor, HttpSource, Source};
use crate::fetch::{self, Ask};
use crate::plan::{self, Facts, Head};

use super::look;
use super::prefetch::{Prefetch, park};
use super::slots::Ahead;
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
struct Asking<'a> {
    prefetch: &'a Prefetch,
    config: &'a Config,
    /// What is asked of a source ahead of its turn, in bytes.
    share: u64,
    /// How many beginnings are granted and not kept yet.
    granted: AtomicUsize,
    looks: Semaphore,
    /// When `archive.probe_timeout` runs out.
    deadline: Instant,
    /// By the entry's index: whether its data is compressed already.
    compressed: Vec<AtomicBool>,
}

/// A source that is asked.
#[derive(Clone, Copy)]
struct Question<'a> {
    index: usize,
    entry: &'a descriptor::Entry,
    source: &'a Arc<HttpSource>,
    /// Whether its turn comes first: it is asked for all of it.
    is_first: bool,
    /// Whether its data decides how it is written.
    is_looked_at: bool,
}

/// A source's answer.
struct Answered<'a> {
    opened: fetch::Opened,
    /// What it may keep until its turn.
    held: Option<Held>,
    grant: Option<Grant<'a>>,
    /// Its place among those that its host is asked for.
    permit: Option<OwnedSemaphorePermit>,
}

/// A beginning that is granted and not kept yet, counted.
struct Grant<'a>(&'a AtomicUsize);

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is kept of an answer.
enum Kept {
    Ahead(Ahead, Held),
    Nothing,
    Whole(Box<fetch::Opened>),
}

/// Asks the first sources all at once, and waits until they have answered, or until `archive.probe_timeout` has run
/// out and the one whose turn comes first has answered.
///
/// # Errors
/// The first definite failure, unless its entry is left out for it; with `known` facts also that a source is not what
/// it was then.
pub(super) async fn probe(
    descriptor: &Descriptor,
    known: Option<&Facts>,
    prefetch: &Prefetch,
    config: &Config,
) -> Result<Answers, Failure> {
    let entries = &descriptor.entries;
    let skips = descriptor.skips();
    let mut heads = vec![None; entries.len()];
    let (mut first, mut failed) = (None, BTreeMap::new());
    // What was frozen is not looked at again.
    let by_name = |entry| known.is_none() && look::by_name(entry);
    let sources = || {
        let sources = entries.iter().enumerate().filter_map(|(index, entry)| match &entry.source {
            Source::Http(source) => Some((index, entry, source)),
            Source::Directory | Source::Data(_) => None,
        });
        sources.take(config.probe_files)
    };
    let asked = sources().count() as u64;
    let asking = Asking {
        prefetch,
        config,
        share: config.probe_size.0.min(config.prefetch_size.0 / asked.max(1)).max(1),
        granted: AtomicUsize::new(0),
        looks: Semaphore::new(LOOKS),
        deadline: Instant::now() + config.probe_timeout,
        compressed: entries.iter().map(|entry| AtomicBool::new(by_name(entry))).collect(),
    };
    let mut answers: FuturesUnordered<_> = sources()
        .enumerate()
        .map(|(turn, (index, entry, source))| {
            let is_auto = known.is_none() && entry.compression == Compression::Auto;
            let is_looked_at = is_auto && !asking.compressed[index].load(Ordering::Relaxed);
            asking.ask(Question { index, entry, source, is_first: turn == 0, is_looked_at })
        })
        .collect();
    let mut keeping = FuturesUnordered::new();
    let clock = tokio::time::sleep_until(asking.deadline);
    tokio::pin!(clock);
    let first_index = sources().next().map(|(index, ..)| index);
    let mut first_is_due = first_index.is_some();
    while (first_is_due || !clock.is_elapsed()) && !(answers.is_empty() && keeping.is_empty()) {
        let (index, kept) = tokio::select! {
            biased;
            Some((question, answer)) = answers.next() => match judge(question, answer, known) {
                Ok(answered) => {
                    // What was told counts, also where the clock runs out over what it sends.
                    heads[question.index] = Some(answered.opened.head.clone());
                    keeping.push(asking.keep(question, answered));
                    continue;
                }
                Err(reason) => (question.index, Err(reason)),
            },
            Some((index, kept)) = keeping.next() => (index, kept.map_err(Reason::from)),
            () = &mut clock, if !clock.is_elapsed() => continue,
        };
        match kept {
            Ok(Kept::Ahead(ahead, held)) => prefetch.keep(index, ahead, held),
            Ok(Kept::Nothing) => {}
            Ok(Kept::Whole(opened)) => first = Some((index, *opened)),
            Err(reason) if skips && reason.as_skipped().is_some() => {
                heads[index] = None;
                failed.insert(index, reason);
            }
            Err(reason) => return Err(blamed(index, &entries[index], reason)),
        }
        first_is_due &= first_index != Some(index);
    }
    drop((answers, keeping));
    let compressed = asking.compressed.into_iter().map(AtomicBool::into_inner).collect();
    Ok(Answers { compressed, heads, first, failed })
}

/// Judges a source's answer by what the descriptor declares, and by what was frozen.
fn judge<'a>(
    question: Question<'_>,
    answer: Result<Answered<'a>, fetch::Error>,
    known: Option<&Facts>,
) -> Result<Answered<'a>, Reason> {
    let answered = answer?;
    let head = &answered.opened.head;
    question.entry.expected.check_length(head.length)?;
    known.map_or(Ok(()), |facts| unchanged(question.index, facts, head))?;
    Ok(answered)
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

impl Asking<'_> {
    /// Asks a source.
    async fn ask<'q>(&self, question: Question<'q>) -> (Question<'q>, Result<Answered<'_>, fetch::Error>) {
        let (client, source) = (&self.prefetch.client, Arc::clone(question.source));
        if question.is_first {
            let opened = client.open(source, Ask::Whole).await;
            return (
                question,
                opened.map(|opened| Answered { opened, held: None, grant: None, permit: None }),
            );
        }
        let permit = client.admit(&source).await;
        // As many beginnings may be asked for or wait as one archive may have connections; of other sources no more is
        // asked than what is looked at, or one byte.
        let has_room = self.prefetch.has_room(self.granted.load(Ordering::Relaxed));
        let held = has_room.then(|| self.prefetch.budget.try_hold(self.share)).flatten();
        let least = if question.is_looked_at { look::LOOK as u64 } else { 1 };
        let ask = Ask::Beginning(held.as_ref().map_or(0, Held::bytes).max(least));
        let grant = held.is_some().then(|| {
            self.granted.fetch_add(1, Ordering::Relaxed);
            Grant(&self.granted)
        });
        let opened = client.open(source, ask).await;
        (question, opened.map(|opened| Answered { opened, held, grant, permit }))
    }

    /// Looks at what a source sends where that decides, and keeps what may wait for its turn.
    async fn keep(
        &self,
        question: Question<'_>,
        answered: Answered<'_>,
    ) -> (usize, Result<Kept, fetch::Error>) {
        let Answered { opened, held, grant: _grant, permit } = answered;
        // Until its connection is free again; but others are not to wait for what is looked at.
        let _permit = permit.filter(|_| !question.is_looked_at);
        let opened = if question.is_looked_at { self.look(question, opened).await } else { Some(opened) };
        let kept = match (opened, held) {
            (None, _) => Ok(Kept::Nothing),
            (Some(opened), _) if question.is_first => Ok(Kept::Whole(Box::new(opened))),
            (Some(opened), None) => {
                opened.into_head();
                Ok(Kept::Nothing)
            }
            (Some(opened), Some(held)) => {
                let Prefetch { client, demand, .. } = self.prefetch;
                let (source, inline_size) = (Arc::clone(question.source), self.config.inline_size.0);
                let parked = park(client, source, None, opened, held, inline_size, demand).await;
                parked.map(|(_, ahead)| ahead.map_or(Kept::Nothing, |(ahead, held)| Kept::Ahead(ahead, held)))
            }
        };
        (question.index, kept)
    }

    /// Decides whether a source's data is compressed already, by its type or by its beginning; what does not come before
    /// the clock runs out says nothing. Gives the answer back unless it broke.
    async fn look(&self, question: Question<'_>, mut opened: fetch::Opened) -> Option<fetch::Opened> {
        let compressed = &self.compressed[question.index];
        if plan::compressed_by(question.entry, opened.content_type.as_deref()).is_some() {
            compressed.store(true, Ordering::Relaxed);
            return Some(opened);
        }
        let mut is_broken = false;
        let looked = async {
            // Whoever sends nothing takes no other's place.
            let begun = opened.peek(look::FIRST).await;
            // The archive waits for the first one whatever the others do.
            let _look = if question.is_first { None } else { self.looks.acquire().await.ok() };
            let beginning = match begun {
                Ok(_) => opened.peek(look::LOOK).await,
                broken @ Err(_) => broken,
            };
            let beginning = match beginning {
                Ok(beginning) => beginning,
                Err(_) => {
                    is_broken = true;
                    let Prefetch { client, demand, .. } = self.prefetch;
                    look::again(client, question.source, opened.head.clone(), demand).await
                }
            };
            look::looks_compressed(&beginning)
        };
        let least = if question.is_first { Instant::now() + FIRST_LOOK } else { self.deadline };
        let looks_compressed = timeout_at(self.deadline.max(least), looked).await.unwrap_or(false);
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

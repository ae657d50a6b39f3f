//! Asking the sources before the first byte: what can fail by then is answered with a status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::budget::Held;
use crate::descriptor::{self, Compression, Descriptor, HttpSource, Source};
use crate::fetch::{self, Ask};
use crate::plan::{Facts, Head};

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

/// One source's answer.
struct Told {
    head: Head,
    /// Whether its data is compressed already, where that was asked.
    compressed: Option<bool>,
    ahead: Option<(Ahead, Held)>,
    whole: Option<fetch::Opened>,
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
    // What was frozen is not looked at again.
    let mut compressed: Vec<_> =
        entries.iter().map(|entry| known.is_none() && look::by_name(entry)).collect();
    let (mut first, mut failed) = (None, BTreeMap::new());
    let sources = || {
        entries.iter().enumerate().filter_map(|(index, entry)| match &entry.source {
            Source::Http(source) => Some((index, source)),
            Source::Directory | Source::Data(_) => None,
        })
    };
    let asked = sources().take(config.probe_files).count() as u64;
    let share = config.probe_size.0.min(config.prefetch_size.0 / asked.max(1)).max(1);
    let granted = AtomicUsize::new(0);
    let mut answers: FuturesUnordered<_> = sources()
        .take(config.probe_files)
        .enumerate()
        .map(|(turn, (index, source))| {
            let auto = known.is_none() && entries[index].compression == Compression::Auto;
            let looked_at = auto.then_some(&entries[index]);
            ask((index, source), looked_at, turn == 0, (share, &granted), prefetch, config)
        })
        .collect();
    let clock = tokio::time::sleep(config.probe_timeout);
    tokio::pin!(clock);
    let first_index = sources().next().map(|(index, _)| index);
    let mut first_is_due = first_index.is_some();
    while first_is_due || !clock.is_elapsed() {
        let answer = tokio::select! {
            biased;
            answer = answers.next() => answer,
            () = &mut clock, if !clock.is_elapsed() => continue,
        };
        let Some((index, answer)) = answer else { break };
        let told = match judge(index, &entries[index], answer, known) {
            Ok(told) => told,
            Err(reason) if skips && reason.as_skipped().is_some() => {
                failed.insert(index, reason);
                first_is_due &= first_index != Some(index);
                continue;
            }
            Err(reason) => return Err(blamed(index, &entries[index], reason)),
        };
        if let Some((ahead, held)) = told.ahead {
            prefetch.keep(index, ahead, held);
        }
        if let Some(opened) = told.whole {
            first = Some((index, opened));
            first_is_due = false;
        }
        heads[index] = Some(told.head);
        compressed[index] = told.compressed.unwrap_or(compressed[index]);
    }
    Ok(Answers { compressed, heads, first, failed })
}

/// Judges a source's answer by what the descriptor declares, and by what was frozen.
fn judge(
    index: usize,
    entry: &descriptor::Entry,
    answer: Result<Told, fetch::Error>,
    known: Option<&Facts>,
) -> Result<Told, Reason> {
    let told = answer?;
    entry.expected.check_length(told.head.length)?;
    known.map_or(Ok(()), |facts| unchanged(index, facts, &told.head))?;
    Ok(told)
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

/// Asks a source, and judges the data of an entry that is to be looked at.
async fn ask(
    (index, source): (usize, &Arc<HttpSource>),
    looked_at: Option<&descriptor::Entry>,
    is_first: bool,
    (share, granted): (u64, &AtomicUsize),
    prefetch: &Prefetch,
    config: &Config,
) -> (usize, Result<Told, fetch::Error>) {
    let told = async {
        let (client, source) = (&prefetch.client, Arc::clone(source));
        if is_first {
            let mut opened = client.open(source, Ask::Whole).await?;
            let compressed = match looked_at {
                Some(entry) => Some(look::by_opened(entry, &mut opened).await),
                None => None,
            };
            return Ok(Told { head: opened.head.clone(), compressed, ahead: None, whole: Some(opened) });
        }
        let _permit = client.admit(&source).await;
        // As many beginnings may be asked for or wait as one archive may have connections; of other sources one byte
        // is asked.
        let has_room = prefetch.has_room(granted.load(Ordering::Relaxed));
        let hold = || {
            let little = looked_at.map(|_| share.min(look::LOOK as u64));
            prefetch.budget.try_hold(share).or_else(|| prefetch.budget.try_hold(little?))
        };
        let held = has_room.then(hold).flatten();
        let ask = Ask::Beginning(held.as_ref().map_or(1, Held::bytes));
        granted.fetch_add(usize::from(held.is_some()), Ordering::Relaxed);
        let opened = client.open(Arc::clone(&source), ask).await?;
        let content_type = looked_at.and_then(|_| opened.content_type.clone());
        let (head, mut ahead) = match held {
            None => (opened.into_head(), None),
            Some(held) => {
                let parked =
                    park(client, source, None, opened, held, config.inline_size.0, &prefetch.demand).await?;
                granted.fetch_sub(1, Ordering::Relaxed);
                parked
            }
        };
        let compressed = match looked_at {
            Some(entry) => {
                let ahead = ahead.as_mut().map(|(ahead, _)| ahead);
                Some(look::by_answer(entry, content_type.as_deref(), ahead).await)
            }
            None => None,
        };
        Ok(Told { head, compressed, ahead, whole: None })
    };
    (index, told.await)
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

//! Asking the sources before the first byte: what can fail by then is answered with a status.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::budget::Held;
use crate::descriptor::{self, HttpSource, Source};
use crate::fetch::{self, Ask};
use crate::plan::Head;

use super::prefetch::{Prefetch, park};
use super::slots::Ahead;
use super::{Config, FailedEntry, Failure, Reason, check};

/// What was learnt, and the first source's open answer.
pub(super) struct Probed {
    /// By the entry's index; `None` for what is no HTTP source or was silent.
    pub(super) heads: Vec<Option<Head>>,
    /// The answer of the source whose turn comes first, whole.
    pub(super) first: Option<(usize, fetch::Opened)>,
}

/// One source's answer.
struct Told {
    head: Head,
    ahead: Option<(Ahead, Held)>,
    whole: Option<fetch::Opened>,
}

/// Asks the first sources all at once, and waits until they have answered, or until `archive.probe_timeout` has run
/// out and the one whose turn comes first has answered.
///
/// # Errors
/// The first definite failure.
pub(super) async fn probe(
    entries: &[descriptor::Entry],
    prefetch: &Prefetch,
    config: &Config,
) -> Result<Probed, Failure> {
    let mut heads = vec![None; entries.len()];
    let mut first = None;
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
        .map(|(turn, (index, source))| ask(index, source, turn == 0, (share, &granted), prefetch, config))
        .collect();
    let clock = tokio::time::sleep(config.probe_timeout);
    tokio::pin!(clock);
    let mut first_is_due = !answers.is_empty();
    while first_is_due || !clock.is_elapsed() {
        let answer = tokio::select! {
            biased;
            answer = answers.next() => answer,
            () = &mut clock, if !clock.is_elapsed() => continue,
        };
        let Some((index, answer)) = answer else { break };
        let told = answer.map_err(|error| failed(index, &entries[index], error.into()))?;
        check::announced(&entries[index].expected, told.head.length)
            .map_err(|reason| failed(index, &entries[index], reason))?;
        if let Some((ahead, held)) = told.ahead {
            prefetch.keep(index, ahead, held);
        }
        if let Some(opened) = told.whole {
            first = Some((index, opened));
            first_is_due = false;
        }
        heads[index] = Some(told.head);
    }
    Ok(Probed { heads, first })
}

async fn ask(
    index: usize,
    source: &Arc<HttpSource>,
    is_first: bool,
    (share, granted): (u64, &AtomicUsize),
    prefetch: &Prefetch,
    config: &Config,
) -> (usize, Result<Told, fetch::Error>) {
    let told = async {
        let (client, source) = (&prefetch.client, Arc::clone(source));
        if is_first {
            let opened = client.open(source, Ask::Whole).await?;
            return Ok(Told { head: opened.head.clone(), ahead: None, whole: Some(opened) });
        }
        let _permit = client.admit(&source).await;
        // As many beginnings may be asked for or wait as one archive may have connections; of other sources one byte
        // is asked.
        let has_room = prefetch.has_room(granted.load(Ordering::Relaxed));
        let held = has_room.then(|| prefetch.budget.try_hold(share)).flatten();
        let ask = Ask::Beginning(held.as_ref().map_or(1, Held::bytes));
        granted.fetch_add(usize::from(held.is_some()), Ordering::Relaxed);
        let opened = client.open(Arc::clone(&source), ask).await?;
        let (head, ahead) = match held {
            None => (opened.into_head(), None),
            Some(held) => {
                let parked =
                    park(client, source, None, opened, held, config.inline_size.0, &prefetch.demand).await?;
                granted.fetch_sub(1, Ordering::Relaxed);
                parked
            }
        };
        Ok(Told { head, ahead, whole: None })
    };
    (index, told.await)
}

/// Blames an entry.
pub(super) fn failed(index: usize, entry: &descriptor::Entry, reason: Reason) -> Failure {
    Failure {
        reason,
        entry: Some(FailedEntry {
            index,
            zip_path: entry.name.as_str().to_owned(),
            url: entry.source.shown(),
        }),
    }
}

//! What of an answer waits for its entry's turn.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::{Demand, Held};
use crate::descriptor::HttpSource;
use crate::fetch::{self, Backlog, Reader};
use crate::plan::Head;

use super::chunk::Chunk;
use super::slots::Ahead;

/// How long a body of unknown length is read ahead: short ones end at once, others are read at their turn.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(1);

/// A source whose answer is parked.
pub(super) struct Parking {
    pub(super) client: fetch::Client,
    pub(super) demand: Arc<Demand>,
    pub(super) source: Arc<HttpSource>,
    pub(super) inline_size: u64,
    /// Whether the CRC-32 of its bytes will be asked for.
    pub(super) is_summed: bool,
}

impl Parking {
    /// Makes of an answer what may wait for its turn: a small body, or one of unknown length that turns out to be granted,
    /// is read to its end, which frees its connection; a beginning or a body of known, granted length waits in the kernel;
    /// anything else is given up.
    ///
    /// # Errors
    /// When a small body breaks.
    pub(super) async fn park(
        &self,
        head: Option<Head>,
        opened: fetch::Opened,
        mut held: Held,
    ) -> Result<Option<(Ahead, Held)>, fetch::Error> {
        if head.as_ref().is_some_and(|head| !head.agrees_with(&opened.head)) {
            // Its turn will say so, in the words of the reader.
            return Ok(None);
        }
        // Its turn goes by what was told at first.
        let is_extendable = opened.is_extendable() && head.as_ref().is_none_or(Head::is_resumable);
        match (opened.head.length, opened.covered()) {
            (Some(length), Some(covered)) if covered <= held.bytes() => {
                if opened.is_whole() && length <= self.inline_size {
                    held.shrink_to(length);
                    let body = self.gather(head, opened, length).await?;
                    return Ok(body.map(|body| (Ahead::Gathered(body), held)));
                }
                if opened.is_whole() || (is_extendable && covered > 1) {
                    held.shrink_to(covered);
                    return Ok(Some((Ahead::Open(Box::new(opened)), held)));
                }
                opened.give_up();
                Ok(None)
            }
            (None, None) if opened.is_whole() => {
                let body = self.gather(head, opened, held.bytes());
                let body = tokio::time::timeout(UNKNOWN_PATIENCE, body).await.unwrap_or(Ok(None))?;
                Ok(body.map(|body| {
                    held.shrink_to(body.iter().map(Chunk::len).sum());
                    (Ahead::Gathered(body), held)
                }))
            }
            _ => {
                opened.give_up();
                Ok(None)
            }
        }
    }

    /// Reads a body of at most `most` bytes to its end; `None` where it is longer.
    async fn gather(
        &self,
        head: Option<Head>,
        opened: fetch::Opened,
        most: u64,
    ) -> Result<Option<Vec<Chunk>>, fetch::Error> {
        let (client, source, demand) =
            (self.client.clone(), Arc::clone(&self.source), Arc::clone(&self.demand));
        // Where today's answer cannot be continued it is begun anew, whatever was told at first.
        let head = head.map(|head| Head { ranges: head.ranges && opened.is_extendable(), ..head });
        let mut reader = Reader::new(client, source, head, Some(opened), demand).forgettable();
        let mut body = Backlog::default();
        while let Some(chunk) = reader.next().await? {
            if reader.offset() == chunk.len() as u64 {
                body = Backlog::default();
            }
            if reader.offset() > most {
                return Ok(None);
            }
            body.push(chunk);
        }
        if reader.offset() == 0 {
            // It began anew, and was empty then.
            return Ok(Some(Vec::new()));
        }
        Ok(Some(body.into_all().into_iter().map(|chunk| Chunk::new(chunk, self.is_summed)).collect()))
    }
}

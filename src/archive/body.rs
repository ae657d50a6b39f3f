//! One entry's bytes at its turn: from memory, from an answer that waited, or from a source asked now; held against
//! what was declared as they pass.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Held;
use crate::descriptor::{Expected, Source};
use crate::fetch::{self, Reader};
use crate::plan::{Entry, Form, Proof};

use super::Reason;
use super::check::Check;
use super::prefetch::Prefetch;
use super::slots::Ahead;

/// The bytes of one entry, in order.
pub(super) struct Body {
    origin: Origin,
    expected: Expected,
    check: Option<Check>,
    is_listed: bool,
    /// What a manifest tells of it, once it is whole.
    proof: Option<Proof>,
    /// Whether nothing before the last chunk counts: it is the first, maybe of a source that began anew.
    begins: bool,
    /// Its first bytes, or its end, where somebody waited for them.
    waiting: Option<Option<Bytes>>,
    /// What was held ahead for it, until it is written.
    held: Option<Held>,
}

enum Origin {
    Memory(VecDeque<Bytes>),
    Source(Box<Reader>),
}

impl Body {
    /// Finds an entry's bytes: `first` is an answer that was opened whole for it.
    pub(super) async fn of(
        entry: &Entry,
        index: usize,
        first: Option<fetch::Opened>,
        prefetch: &Prefetch,
    ) -> Body {
        let ahead = Body::ahead(entry, index, prefetch).await;
        Body::found(entry, ahead, first, prefetch)
    }

    /// Waits for what was got of an entry's source ahead of its turn.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn ahead(entry: &Entry, index: usize, prefetch: &Prefetch) -> Option<(Ahead, Held)> {
        match &entry.source {
            Source::Directory | Source::Data(_) => None,
            Source::Http(_) => prefetch.take(index).await,
        }
    }

    /// Makes the body of what was got ahead, else of `first`, else by asking the source.
    pub(super) fn found(
        entry: &Entry,
        ahead: Option<(Ahead, Held)>,
        first: Option<fetch::Opened>,
        prefetch: &Prefetch,
    ) -> Body {
        let memory = |chunks: Vec<Bytes>| Origin::Memory(chunks.into());
        let (origin, held) = match &entry.source {
            Source::Directory => (memory(Vec::new()), None),
            Source::Data(bytes) => (memory(vec![bytes.clone()]), None),
            Source::Http(source) => {
                let (ahead, held) = ahead.unzip();
                let opened = match ahead {
                    Some(Ahead::Gathered(chunks)) => return Body::new(memory(chunks), entry, held),
                    Some(Ahead::Open(opened)) => Some(*opened),
                    None => first,
                };
                let (client, demand) = (prefetch.client.clone(), Arc::clone(&prefetch.demand));
                let reader = Reader::new(client, Arc::clone(source), entry.head.clone(), opened, demand);
                // An inlined body is collected before anything of it is written.
                let reader = if entry.form == Form::Inline { reader.forgettable() } else { reader };
                (Origin::Source(Box::new(reader)), held)
            }
        };
        Body::new(origin, entry, held)
    }

    fn new(origin: Origin, entry: &Entry, held: Option<Held>) -> Body {
        let (expected, is_listed) = (entry.expected, entry.is_listed);
        let check = Some(Check::new(&expected, is_listed));
        Body { origin, expected, check, is_listed, proof: None, begins: false, waiting: None, held }
    }

    /// What a manifest tells of the body, once it is whole; `None` where there is none to tell.
    pub(super) fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// The state of SHA-256 behind what was read, where one is declared or a manifest tells of it.
    pub(super) fn sha256(&self) -> Option<Vec<u8>> {
        self.check.as_ref().and_then(Check::sha256)
    }

    /// Whether nothing before the last chunk counts: it is the first one, or that of a source that began anew.
    pub(super) fn begins(&self) -> bool {
        self.begins
    }

    /// Waits for the first bytes, or the end, and leaves them to [`Body::next`]: from then on the source has not failed
    /// before its first byte.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub(super) async fn wait(&mut self) -> Result<(), Reason> {
        self.waiting = Some(self.next().await?);
        Ok(())
    }

    /// Reads the body to its end: the way to read an inlined one, which may begin anew.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub(super) async fn collect(&mut self) -> Result<Vec<Bytes>, Reason> {
        let mut whole = Vec::new();
        loop {
            let chunk = self.next().await?;
            if self.begins {
                whole.clear();
            }
            match chunk {
                Some(chunk) => whole.push(chunk),
                None => return Ok(whole),
            }
        }
    }

    /// Reads an inlined body to its end, which must be where the plan has it: its length stands in what may have been
    /// sent before.
    ///
    /// # Errors
    /// As [`Body::next`], and when it has another length.
    pub(super) async fn collect_planned(&mut self, length: Option<u64>) -> Result<Vec<Bytes>, Reason> {
        let raw = self.collect().await?;
        let actual = raw.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        match length {
            Some(length) if length != actual => Err(fetch::Error::Changed("its length is another").into()),
            _ => Ok(raw),
        }
    }

    /// Waits for the next bytes; `None` once the body is whole and is what was declared.
    ///
    /// # Errors
    /// When the source fails, or is not what was declared.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Reason> {
        if let Some(chunk) = self.waiting.take() {
            return Ok(chunk);
        }
        let chunk = match &mut self.origin {
            Origin::Memory(chunks) => chunks.pop_front(),
            Origin::Source(reader) => {
                let chunk = reader.next().await?;
                self.begins = reader.offset() == chunk.as_ref().map_or(0, Bytes::len) as u64;
                chunk
            }
        };
        if let (Some(held), Some(chunk)) = (&mut self.held, &chunk) {
            held.shrink_to(held.bytes().saturating_sub(chunk.len() as u64));
        }
        if self.begins {
            self.check = Some(Check::new(&self.expected, self.is_listed));
        }
        match (&chunk, &mut self.check) {
            (Some(bytes), Some(check)) => check.see(bytes)?,
            (None, check) => {
                if let Some(check) = check.take() {
                    self.proof = check.finish()?;
                }
            }
            (Some(_), None) => {}
        }
        Ok(chunk)
    }
}

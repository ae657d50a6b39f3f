//! One entry's bytes at its turn: from memory, from an answer that waited, or from a source asked now; held against
//! what was declared as they pass.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Held;
use crate::descriptor::{Expected, Source};
use crate::fetch::{self, Reader};
use crate::plan::{Entry, Form, Proof};
use crate::zip::Method;

use super::Reason;
use super::check::Check;
use super::chunk::Chunk;
use super::prefetch::Prefetch;
use super::slots::Ahead;

/// The bytes of one entry, in order.
pub(super) struct Body {
    origin: Origin,
    expected: Expected,
    check: Option<Check>,
    is_listed: bool,
    /// Whether the CRC-32 of its chunks is asked for.
    is_summed: bool,
    /// What a manifest tells of it, once it is whole.
    proof: Option<Proof>,
    /// Whether nothing before the last chunk counts: it is the first, maybe of a source that began anew.
    begins: bool,
    /// Its first bytes, or its end, where somebody waited for them.
    waiting: Option<Option<Chunk>>,
    /// What was held ahead for it, until it is written.
    held: Option<Held>,
}

enum Origin {
    Memory(VecDeque<Chunk>),
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
        let memory = |chunks: Vec<Chunk>| Origin::Memory(chunks.into());
        let (origin, held) = match &entry.source {
            Source::Directory => (memory(Vec::new()), None),
            Source::Data(bytes) => (memory(vec![Chunk::new(bytes.clone(), is_summed(entry))]), None),
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
        let is_summed = is_summed(entry);
        Body {
            origin,
            expected,
            check,
            is_listed,
            is_summed,
            proof: None,
            begins: false,
            waiting: None,
            held,
        }
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
    pub(super) async fn collect(&mut self) -> Result<Vec<Chunk>, Reason> {
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
    pub(super) async fn collect_planned(&mut self, length: Option<u64>) -> Result<Vec<Chunk>, Reason> {
        let raw = self.collect().await?;
        let actual = raw.iter().map(Chunk::len).sum::<u64>();
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
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Reason> {
        if let Some(chunk) = self.waiting.take() {
            return Ok(chunk);
        }
        let chunk = match &mut self.origin {
            Origin::Memory(chunks) => chunks.pop_front(),
            Origin::Source(reader) => {
                let chunk = reader.next().await?;
                self.begins = reader.offset() == chunk.as_ref().map_or(0, Bytes::len) as u64;
                chunk.map(|bytes| Chunk::new(bytes, self.is_summed))
            }
        };
        if let (Some(held), Some(chunk)) = (&mut self.held, &chunk) {
            held.shrink_to(held.bytes().saturating_sub(chunk.len()));
        }
        if self.begins {
            self.check = Some(Check::new(&self.expected, self.is_listed));
        }
        match (&chunk, &mut self.check) {
            (Some(chunk), Some(check)) => check.see(chunk)?,
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

/// Whether the CRC-32 of an entry's chunks is asked for: where its data is compressed, those who do it compute theirs.
pub(super) fn is_summed(entry: &Entry) -> bool {
    entry.method() != Method::Deflate || entry.expected.crc32.is_some() || entry.is_listed
}

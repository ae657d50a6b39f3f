//! One entry's bytes at its turn: from memory, from an answer that waited, or from a source asked now; held against
//! what was declared as they pass.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Held;
use crate::descriptor::{Expected, Source};
use crate::fetch::{self, Reader};
use crate::plan::{Entry, Form};

use super::Reason;
use super::check::Check;
use super::prefetch::Prefetch;
use super::slots::Ahead;

/// The bytes of one entry, in order.
pub(super) struct Body {
    origin: Origin,
    expected: Expected,
    check: Option<Check>,
    /// Whether nothing before the last chunk counts: it is the first, maybe of a source that began anew.
    begins: bool,
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
        let memory = |chunks: Vec<Bytes>| Origin::Memory(chunks.into());
        let (origin, held) = match &entry.source {
            Source::Directory => (memory(Vec::new()), None),
            Source::Data(bytes) => (memory(vec![bytes.clone()]), None),
            Source::Http(source) => {
                let (ahead, held) = prefetch.take(index).await.unzip();
                let opened = match ahead {
                    Some(Ahead::Gathered(chunks)) => return Body::new(memory(chunks), &entry.expected, held),
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
        Body::new(origin, &entry.expected, held)
    }

    fn new(origin: Origin, expected: &Expected, held: Option<Held>) -> Body {
        let check = Some(Check::new(expected));
        Body { origin, expected: *expected, check, begins: false, held }
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

    /// Waits for the next bytes; `None` once the body is whole and is what was declared.
    ///
    /// # Errors
    /// When the source fails, or is not what was declared.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Reason> {
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
            self.check = Some(Check::new(&self.expected));
        }
        match (&chunk, &mut self.check) {
            (Some(bytes), Some(check)) => check.see(bytes)?,
            (None, check) => check.take().map_or(Ok(()), Check::finish)?,
            (Some(_), None) => {}
        }
        Ok(chunk)
    }
}

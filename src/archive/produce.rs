//! The archive's bytes, pulled one piece at a time.
//!
//! ```text
//! at hand:   header(sizes, CRC) · body                         small bodies, data: URLs, directories
//! passing:   header             · body · data descriptor       stored; no data descriptor where the CRC was declared
//! deflating: header(bit 3)      · blocks · data descriptor
//! the end:   central directory · end of central directory      only when everything before it is whole
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::Semaphore;

use crate::fetch;
use crate::plan::{Form, Plan};
use crate::zip::{self, Content, Digest, Method};

use super::body::Body;
use super::compress::{Compressor, compress_whole};
use super::prefetch::Prefetch;
use super::{Failure, Reason};

/// The level of DEFLATE: zlib's own default.
const LEVEL: u32 = 6;

/// An archive on its way.
pub(super) struct Production {
    pub(super) plan: Plan,
    pub(super) prefetch: Prefetch,
    /// The answer that was opened for the first source.
    pub(super) first: Option<(usize, fetch::Opened)>,
    pub(super) compressors: Arc<Semaphore>,
    /// The most that the sources may measure together, in bytes.
    pub(super) limit: u64,
    pub(super) state: State,
}

/// Where a production stands.
#[derive(Default)]
pub(super) struct State {
    /// The current entry.
    index: usize,
    running: Option<Running>,
    encoder: zip::Encoder,
    /// Pieces that are encoded and not handed out.
    ready: VecDeque<Bytes>,
    /// Bytes read from sources so far, and of those the current entry's.
    read: (u64, u64),
    /// The piece that the reader took last, and when it was handed out.
    handed: Option<(u64, Instant)>,
    is_finished: bool,
}

/// The entry that is being written.
enum Running {
    Passing(Body),
    Deflating(Body, Compressor),
}

/// The bytes of an archive; an error is the last item, and leaves it without its end.
pub(super) fn stream(production: Production) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    futures_util::stream::try_unfold(Box::new(production), |mut production| async move {
        let piece = production.next().await?;
        Ok(piece.map(|piece| (piece, production)))
    })
}

impl Production {
    /// Waits for the next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let now = Instant::now();
        match self.state.handed.take() {
            Some((bytes, at)) => self.prefetch.demand.note(bytes, now - at),
            None => self.prefetch.start(),
        }
        while self.state.ready.is_empty() && !self.state.is_finished {
            if let Err(reason) = self.advance().await {
                let entry = self.plan.entries.get(self.state.index);
                return Err(Failure::of_entry(self.state.index, entry, reason));
            }
        }
        let piece = self.state.ready.pop_front();
        self.state.handed = piece.as_ref().map(|piece| (piece.len() as u64, Instant::now()));
        Ok(piece)
    }

    /// Does the next thing that is to be done.
    async fn advance(&mut self) -> Result<(), Reason> {
        match self.state.running.take() {
            Some(running) => {
                self.state.running = self.run(running).await?;
                if self.state.running.is_none() {
                    self.turn_to_next();
                }
                Ok(())
            }
            None if self.state.index < self.plan.entries.len() => self.begin().await,
            None => {
                let encoder = std::mem::take(&mut self.state.encoder);
                self.state.ready.extend(encoder.finish()?);
                self.state.is_finished = true;
                Ok(())
            }
        }
    }

    /// Begins the current entry; one whose body is at hand is finished at once.
    async fn begin(&mut self) -> Result<(), Reason> {
        let index = self.state.index;
        let entry = &self.plan.entries[index];
        let first = self.first.take_if(|(first, _)| *first == index).map(|(_, opened)| opened);
        self.prefetch.look_ahead(&self.plan, index, entry.length().unwrap_or(0));
        let mut body = Body::of(entry, index, first, &self.prefetch).await;
        let content = match entry.form {
            Form::Directory | Form::Inline => {
                let raw = self.prefetch.alongside(body.collect()).await?;
                raw.iter().try_for_each(|chunk| self.count(chunk))?;
                return self.write_whole(raw);
            }
            Form::Declared { digest } => Content::Known { digest, compressed_size: digest.size },
            Form::Streamed { length } => Content::Streamed { length },
        };
        self.put_header(content)?;
        self.state.running = Some(match self.plan.entries[index].method() {
            Method::Store => Running::Passing(body),
            Method::Deflate => {
                let (compressors, budget) =
                    (Arc::clone(&self.compressors), Arc::clone(&self.prefetch.budget));
                Running::Deflating(body, Compressor::new(LEVEL, compressors, budget))
            }
        });
        Ok(())
    }

    /// Writes the next piece of the current entry; `None` when the entry is complete.
    async fn run(&mut self, running: Running) -> Result<Option<Running>, Reason> {
        match running {
            Running::Passing(mut body) => match self.prefetch.alongside(body.next()).await? {
                Some(chunk) => {
                    self.count(&chunk)?;
                    self.state.encoder.stored(&chunk)?;
                    self.state.ready.push_back(chunk);
                    Ok(Some(Running::Passing(body)))
                }
                None => self.put_end(None).map(|()| None),
            },
            Running::Deflating(mut body, mut compressor) => loop {
                let block = tokio::select! {
                    biased;
                    Some(block) = compressor.next() => block?,
                    chunk = self.prefetch.alongside(body.next()), if compressor.has_room() => {
                        match chunk? {
                            Some(chunk) => {
                                self.count(&chunk)?;
                                compressor.push(chunk);
                            }
                            None => compressor.end(),
                        }
                        continue;
                    }
                    else => {
                        let (last, digest) = compressor.finish();
                        self.put_deflated(last);
                        return self.put_end(Some(digest)).map(|()| None);
                    }
                };
                self.put_deflated(block);
                return Ok(Some(Running::Deflating(body, compressor)));
            },
        }
    }

    /// Writes an entry whose body is at hand: its header tells sizes and CRC, and nothing follows the data.
    fn write_whole(&mut self, raw: Vec<Bytes>) -> Result<(), Reason> {
        let mut crc32 = zip::Crc32::new();
        raw.iter().for_each(|chunk| crc32.update(chunk));
        let size = raw.iter().map(|chunk| chunk.len() as u64).sum();
        let digest = Digest { crc32: crc32.value(), size };
        match self.plan.entries[self.state.index].method() {
            Method::Store => {
                self.put_header(Content::Known { digest, compressed_size: size })?;
                for chunk in raw {
                    self.state.encoder.stored(&chunk)?;
                    self.state.ready.push_back(chunk);
                }
                self.put_end(None)?;
            }
            Method::Deflate => {
                let deflated = compress_whole(LEVEL, &raw)?;
                self.put_header(Content::Known { digest, compressed_size: deflated.len() as u64 })?;
                self.put_deflated(deflated);
                self.put_end(Some(digest))?;
            }
        }
        self.turn_to_next();
        Ok(())
    }

    fn put_header(&mut self, content: Content) -> Result<(), Reason> {
        let entry = self.plan.entries[self.state.index].encoded(content)?;
        self.state.ready.push_back(self.state.encoder.begin(entry)?);
        Ok(())
    }

    fn put_deflated(&mut self, bytes: Bytes) {
        self.state.encoder.deflated(bytes.len() as u64);
        self.state.ready.push_back(bytes);
    }

    fn put_end(&mut self, digest: Option<Digest>) -> Result<(), Reason> {
        let data_descriptor = self.state.encoder.end(digest)?;
        if !data_descriptor.is_empty() {
            self.state.ready.push_back(data_descriptor);
        }
        Ok(())
    }

    /// Counts bytes of the current entry's source against the limit, and lets the look-ahead follow.
    fn count(&mut self, chunk: &Bytes) -> Result<(), Reason> {
        let (all, of_entry) = &mut self.state.read;
        *all += chunk.len() as u64;
        *of_entry += chunk.len() as u64;
        if *all > self.limit {
            return Err(Reason::TooLarge { limit: self.limit });
        }
        let index = self.state.index;
        let length = self.plan.entries[index].length().unwrap_or(*of_entry);
        self.prefetch.look_ahead(&self.plan, index, length.saturating_sub(*of_entry));
        Ok(())
    }

    fn turn_to_next(&mut self) {
        self.state.index += 1;
        self.state.read.1 = 0;
    }
}

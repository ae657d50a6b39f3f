//! The archive's bytes, pulled one piece at a time.
//!
//! ```text
//! at hand:   header(sizes, CRC) · body                         small bodies, data: URLs, directories
//! passing:   header             · body · data descriptor       stored; no data descriptor where the CRC was declared
//! cutting:   header(bit 3)      · body in stored blocks · data descriptor
//! deflating: header(bit 3)      · blocks · data descriptor
//! the end:   manifest? · central directory · end of central directory      only when everything before it is whole
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::Stream;

use crate::descriptor::Source;
use crate::fetch;
use crate::plan::{Checkpoint, Checksums, Form, Plan, Proof, TooLarge};
use crate::zip::{self, BlockCutter, Content, Digest, Method};

use super::body::Body;
use super::chunk::{Chunk, digest_of};
use super::compress::Workers;
use super::deflating::{Deflating, Step};
use super::failure::hollow;
use super::ledger::Scribe;
use super::meter::Meter;
use super::prefetch::Prefetch;
use super::{Failure, Reason};

/// An archive on its way.
pub(super) struct Production {
    pub(super) plan: Plan,
    pub(super) prefetch: Prefetch,
    /// The answer that was opened for the first source.
    pub(super) first: Option<(usize, fetch::Opened)>,
    /// Why sources failed that are left out for it, by the entry's index.
    pub(super) failed: BTreeMap<usize, Reason>,
    pub(super) compressors: Workers,
    /// The most that the sources may measure together, in bytes.
    pub(super) limit: u64,
    pub(super) meter: Arc<Meter>,
    pub(super) scribe: Scribe,
    pub(super) state: State,
}

/// Where a production stands.
#[derive(Default)]
pub(super) struct State {
    /// The current entry.
    index: usize,
    /// For others: how many entries are complete, and how many are left out.
    done: Arc<AtomicUsize>,
    pub(super) skipped: Arc<AtomicUsize>,
    /// What the manifest tells of the entries so far, and of the current one once its bytes have passed by.
    proofs: Vec<Option<Proof>>,
    proof: Option<Proof>,
    /// CRC-32 of the current entry's data as it stands in the archive, where that is another form of its bytes.
    compressed_crc32: zip::Crc32,
    passing: Option<Box<Passing>>,
    deflating: Option<Box<Deflating>>,
    encoder: zip::Encoder,
    /// Pieces that are encoded and not handed out.
    ready: VecDeque<Bytes>,
    /// The entry that failed, where it is not the current one.
    blamed: Option<usize>,
    /// Bytes read from sources so far.
    read: u64,
    /// Bytes of the current entry, where it is stored, that have passed by.
    passed: u64,
    is_finished: bool,
}

/// A stored entry whose bytes are handed on as they come.
struct Passing {
    body: Body,
    /// Puts headers between them, where its method asks for them.
    cutter: Option<BlockCutter>,
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
        self.prefetch.note_asked();
        while self.state.ready.is_empty() && !self.state.is_finished {
            if let Err(reason) = self.advance().await {
                let index = self.state.blamed.unwrap_or(self.state.index);
                let failure = Failure::of_entry(index, self.plan.entries.get(index), reason);
                self.meter.note_failure(&failure);
                return Err(failure);
            }
        }
        let piece = self.state.ready.pop_front();
        self.prefetch.note_handed(piece.as_ref().map_or(0, Bytes::len) as u64);
        Ok(piece)
    }

    /// Does the next thing that is to be done.
    async fn advance(&mut self) -> Result<(), Reason> {
        match self.state.passing.take() {
            Some(passing) => {
                self.state.passing = self.pass(passing).await?;
                Ok(())
            }
            None if self.state.index < self.plan.entries.len() => self.begin().await,
            None => {
                if let Some((index, reason)) = hollow(&self.plan, &self.failed) {
                    self.state.blamed = Some(index);
                    return Err(reason);
                }
                self.put_manifest()?;
                let encoder = std::mem::take(&mut self.state.encoder);
                self.state.ready.extend(encoder.finish()?);
                self.state.is_finished = true;
                Ok(())
            }
        }
    }

    /// Begins the current entry, or goes on with it where it is compressed; one whose body is at hand is finished at once.
    async fn begin(&mut self) -> Result<(), Reason> {
        let index = self.state.index;
        let entry = &self.plan.entries[index];
        if entry.skipped.is_some() {
            self.turn_to_next();
            return Ok(());
        }
        if entry.method() == Method::Deflate {
            return self.deflate().await;
        }
        self.state.passed = 0;
        let first = self.first.take_if(|(first, _)| *first == index).map(|(_, opened)| opened);
        self.prefetch.look_ahead(&self.plan, index, entry.length().unwrap_or(0));
        let mut body = Body::of(entry, index, first, &self.prefetch).await;
        let begun = match entry.form {
            Form::Directory | Form::Inline => body.collect_planned(entry.length()).await.map(Some),
            // The header waits for the first byte: until then the entry can be left out.
            Form::Declared { .. } | Form::Streamed { .. } if self.plan.skips() => {
                body.wait().await.map(|()| None)
            }
            Form::Declared { .. } | Form::Streamed { .. } => Ok(None),
        };
        let content = match (begun, entry.form) {
            (Err(reason), _) => {
                self.leave_out(index, reason)?;
                self.turn_to_next();
                return Ok(());
            }
            (Ok(raw), Form::Directory | Form::Inline) => {
                let raw = raw.unwrap_or_default();
                self.state.proof = body.proof();
                let bytes = raw.iter().map(Chunk::len).sum();
                self.count(index, bytes, bytes)?;
                return self.write_whole(raw);
            }
            (Ok(_), Form::Declared { digest }) => Content::Known { digest, compressed_size: digest.size },
            (Ok(_), Form::Streamed { length }) => Content::Streamed { length },
        };
        self.put_header(content)?;
        self.scribe.begin(0);
        let entry = &self.plan.entries[index];
        let is_cut = entry.method() == Method::StoredBlocks;
        let cutter = is_cut.then(|| BlockCutter::new(entry.length()));
        self.state.passing = Some(Box::new(Passing { body, cutter }));
        Ok(())
    }

    /// Writes the next bytes of the current entry, which is stored; `None` when it is complete.
    async fn pass(&mut self, mut passing: Box<Passing>) -> Result<Option<Box<Passing>>, Reason> {
        let chunk = passing.body.next().await?;
        let before = self.state.ready.len();
        let Some(chunk) = chunk else {
            let Passing { body, cutter } = *passing;
            self.state.proof = body.proof();
            if let Some(cutter) = cutter {
                cutter.finish(&mut self.state.ready);
            }
            self.note_compressed(before);
            self.end_stored()?;
            return Ok(None);
        };
        self.state.passed += chunk.len();
        self.count(self.state.index, chunk.len(), self.state.passed)?;
        self.state.encoder.summed(chunk.digest())?;
        match &mut passing.cutter {
            Some(cutter) => cutter.push(chunk.bytes, &mut self.state.ready),
            None => self.state.ready.push_back(chunk.bytes),
        }
        self.note_compressed(before);
        if self.scribe.is_due(self.state.passed) {
            self.note_checkpoint(passing.body.sha256());
        }
        Ok(Some(passing))
    }

    /// Writes the next piece of the compressed entries from the current one on; a stored one behind them may come before
    /// the others are complete.
    async fn deflate(&mut self) -> Result<(), Reason> {
        let begun = self.state.deflating.take().filter(|deflating| !deflating.is_over());
        let begin = || Box::new(Deflating::new(self.state.index, self.compressors.clone()));
        let mut deflating = begun.unwrap_or_else(begin);
        while self.state.ready.is_empty() && self.is_deflated() && !deflating.is_over() {
            let step = deflating.step(&self.plan, &mut self.prefetch, &mut self.first).await;
            let step = step.map_err(|(index, reason)| {
                self.state.blamed = index;
                reason
            })?;
            match step {
                Step::Opened(index) => {
                    let length = self.plan.entries[index].length().unwrap_or(0);
                    self.prefetch.look_ahead(&self.plan, index, length);
                }
                Step::Read { index, bytes, so_far } => self.count(index, bytes, so_far)?,
                Step::Failed { index, reason, told } => {
                    self.leave_out(index, reason)?;
                    self.state.read -= told;
                    if index == self.state.index {
                        self.turn_to_next();
                    }
                }
                Step::Header => {
                    let length = self.plan.entries[self.state.index].length();
                    self.put_header(Content::Streamed { length })?;
                }
                Step::Piece(piece) => self.put_deflated(piece),
                Step::Complete { digest, proof, pieces } => {
                    self.state.proof = proof;
                    if self.plan.entries[self.state.index].form == Form::Inline {
                        let compressed_size = pieces.iter().map(|piece| piece.len() as u64).sum();
                        self.put_header(Content::Known { digest, compressed_size })?;
                    }
                    pieces.into_iter().for_each(|piece| self.put_deflated(piece));
                    self.put_end(Some(digest))?;
                    self.turn_to_next();
                }
            }
        }
        self.state.deflating = Some(deflating);
        Ok(())
    }

    /// Whether the current entry is compressed.
    fn is_deflated(&self) -> bool {
        let entry = self.plan.entries.get(self.state.index);
        entry.is_some_and(|entry| entry.method() == Method::Deflate)
    }

    /// Writes an entry whose body is at hand: its header tells sizes and CRC, and nothing follows the data.
    fn write_whole(&mut self, raw: Vec<Chunk>) -> Result<(), Reason> {
        let digest = digest_of(&raw);
        self.put_header(Content::Known { digest, compressed_size: digest.size })?;
        for chunk in raw {
            self.state.encoder.summed(chunk.digest())?;
            self.state.ready.push_back(chunk.bytes);
        }
        self.end_stored()
    }

    /// Notes what has passed by of the current entry, which is stored.
    fn note_checkpoint(&mut self, sha256: Option<Vec<u8>>) {
        let (index, offset) = (self.state.index, self.state.passed);
        let entry = &self.plan.entries[index];
        if let (Source::Http(_), Some(crc32)) = (&entry.source, self.state.encoder.crc32()) {
            let compressed_crc32 = self.compressed_crc32();
            self.scribe.note(index, Checkpoint { offset, crc32, compressed_crc32, sha256 });
        }
    }

    /// Ends the current entry, which is stored and has passed by; notes it as seen whole once it is judged.
    fn end_stored(&mut self) -> Result<(), Reason> {
        let crc32 = self.state.encoder.crc32();
        self.put_end(None)?;
        let entry = &self.plan.entries[self.state.index];
        if let (Source::Http(_), Some(crc32)) = (&entry.source, crc32) {
            let sha256 = self.state.proof.and_then(|proof| proof.checksums.sha256);
            let checksums = Checksums { crc32, compressed_crc32: self.compressed_crc32(), sha256 };
            self.scribe.note_whole(self.state.index, checksums);
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
        self.note_compressed(self.state.ready.len() - 1);
    }

    /// Sees data as it stands in the archive, behind so many pieces that are ready, where a manifest will tell of it.
    fn note_compressed(&mut self, before: usize) {
        if self.tells_compressed() {
            let pieces = self.state.ready.iter().skip(before);
            pieces.for_each(|piece| self.state.compressed_crc32.update(piece));
        }
    }

    /// Whether a manifest tells of the form in which the current entry stands in the archive.
    fn tells_compressed(&self) -> bool {
        let entry = &self.plan.entries[self.state.index];
        entry.is_listed && entry.method() != Method::Store
    }

    fn compressed_crc32(&self) -> Option<u32> {
        self.tells_compressed().then(|| self.state.compressed_crc32.value())
    }

    fn put_end(&mut self, digest: Option<Digest>) -> Result<(), Reason> {
        let data_descriptor = self.state.encoder.end(digest)?;
        if !data_descriptor.is_empty() {
            self.state.ready.push_back(data_descriptor);
        }
        Ok(())
    }

    /// Counts bytes of an entry against the limit, and lets the look-ahead follow; so many were read of it by now.
    fn count(&mut self, index: usize, bytes: u64, so_far: u64) -> Result<(), Reason> {
        self.state.read += bytes;
        if self.state.read > self.limit {
            self.state.blamed = Some(index);
            return Err(TooLarge { limit: self.limit }.into());
        }
        let length = self.plan.entries[index].length().unwrap_or(so_far);
        self.prefetch.look_ahead(&self.plan, index, length.saturating_sub(so_far));
        Ok(())
    }

    /// Where the numbers of complete entries, and of those that are left out, can be read.
    pub(super) fn counts(&self) -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
        (Arc::clone(&self.state.done), Arc::clone(&self.state.skipped))
    }

    /// Leaves an entry out, of which nothing is written yet, where the archive may and the source is to blame.
    fn leave_out(&mut self, index: usize, reason: Reason) -> Result<(), Reason> {
        let Some(skipped) = reason.as_skipped().filter(|_| self.plan.skips()) else {
            self.state.blamed = Some(index);
            return Err(reason);
        };
        self.plan.entries[index].skipped = Some(skipped);
        self.failed.insert(index, reason);
        self.state.skipped.fetch_add(1, Ordering::Relaxed);
        self.meter.note_skipped();
        Ok(())
    }

    /// Writes the manifest, where there is one.
    fn put_manifest(&mut self) -> Result<(), Reason> {
        let Some(manifest) = &self.plan.manifest else { return Ok(()) };
        let proofs = std::mem::take(&mut self.state.proofs);
        let bytes = Bytes::from(manifest.write(self.plan.entries.iter().zip(proofs)));
        let digest = Digest::of(&bytes);
        self.state.ready.push_back(self.state.encoder.begin(manifest.encoded(digest)?)?);
        self.state.encoder.summed(digest)?;
        self.state.ready.push_back(bytes);
        self.put_end(None)
    }

    /// Turns from the current entry to the next that is not left out.
    fn turn_to_next(&mut self) {
        let entry = &self.plan.entries[self.state.index];
        if entry.skipped.is_none() {
            self.meter.note_entry(entry);
            self.state.done.fetch_add(1, Ordering::Relaxed);
        }
        let compressed_crc32 = self.compressed_crc32();
        self.state.compressed_crc32 = zip::Crc32::new();
        let proof = self
            .state
            .proof
            .take()
            .map(|proof| Proof { checksums: Checksums { compressed_crc32, ..proof.checksums }, ..proof });
        self.state.proofs.push(proof);
        self.state.index += 1;
        while self.plan.entries.get(self.state.index).is_some_and(|entry| entry.skipped.is_some()) {
            self.state.proofs.push(None);
            self.state.index += 1;
        }
    }
}

//! A part of an archive, made again: bytes `window` of what its layout says, out of the sources that lie there.
//!
//! ```text
//! archive   │header│ data of a … │descr.│header│ data of b … │descr.│ central directory │
//! window             ├──────────────────────────────────────────────────────────────────┤
//! of a      │  read from a checkpoint, then sent  │ its CRC goes into descriptor and directory
//! ```
//! What was sent before is told by its CRC, from the ledger. An entry whose CRC nobody wrote down yet is read through
//! before a byte that tells of it is made; it is then judged as in any download, so that no sequence of parts makes an
//! archive whole that failed in one piece.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::Stream;

use crate::descriptor::{HttpSource, Source};
use crate::fetch::Reader;
use crate::plan::{Entry, Form, Head, Plan, Seen};
use crate::zip::{self, BlockCutter, Content, Digest, Layout, Method, StoredBlocks};

use super::body::Body;
use super::hash::{Hash, digest_of};
use super::ledger::{Ledger, Scribe};
use super::meter::Meter;
use super::prefetch::Prefetch;
use super::{Failure, Reason};

/// A part of an archive on its way.
pub(super) struct Ranged {
    plan: Plan,
    layout: Layout,
    /// The bytes of the archive that are asked for.
    window: Range<u64>,
    prefetch: Prefetch,
    ledger: Arc<dyn Ledger>,
    scribe: Scribe,
    seen: Seen,
    /// The entry that is being written; behind the last one, the central directory.
    index: usize,
    entries_done: Arc<AtomicUsize>,
    meter: Arc<Meter>,
    data: Option<Data>,
    /// Pieces that are made and not handed out.
    ready: VecDeque<Bytes>,
    is_finished: bool,
}

/// The data of one long entry, as far as it lies in the window.
struct Data {
    reader: Reader,
    /// Puts headers between its bytes, where its method asks for them.
    cutter: Option<BlockCutter>,
    /// The offset of the first byte that is read.
    from: u64,
    /// Where in the archive the next bytes belong.
    position: u64,
    /// Bytes to read before those that are asked for.
    skip: u64,
    /// What its CRC is, or how it is found out.
    proof: Proof,
}

/// Where the CRC of an entry comes from.
enum Proof {
    /// Nothing that is asked for tells of it.
    Needless,
    /// It is being read for it.
    Running(Box<Hash>),
    /// It was seen whole before.
    Seen(u32),
}

/// How many bytes outside a window must be read for it: to know the CRC of entries that it tells of, and to come from
/// a checkpoint to its beginning.
pub(super) fn reread(plan: &Plan, layout: &Layout, window: &Range<u64>, seen: &Seen) -> u64 {
    let mut bytes = 0;
    for (index, (entry, piece)) in plan.entries.iter().zip(layout.pieces()).enumerate() {
        let (Source::Http(_), Some(length)) = (&entry.source, entry.length()) else { continue };
        if !tells_of(entry, piece, layout, window) || seen.whole(index).is_some() {
            continue;
        }
        let begin = window.start.saturating_sub(piece.data).min(piece.descriptor - piece.data);
        let begin = match entry.method() {
            Method::StoredBlocks => StoredBlocks { length }.locate(begin).source,
            Method::Deflate | Method::Store => begin,
        };
        bytes += begin - seen.before(index, begin).map_or(0, |checkpoint| checkpoint.offset);
    }
    bytes
}

/// Whether bytes of the window hold the CRC of an entry.
fn tells_of(entry: &Entry, piece: &zip::Piece, layout: &Layout, window: &Range<u64>) -> bool {
    let meets = |from: u64, to: u64| from < to && window.start < to && from < window.end;
    meets(piece.descriptor, piece.end)
        || window.end > layout.central_directory()
        || (entry.form == Form::Inline && meets(piece.header, piece.data))
}

/// The bytes of a part of an archive; an error is the last item.
pub(super) fn stream(ranged: Ranged) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    futures_util::stream::try_unfold(Box::new(ranged), |mut ranged| async move {
        let piece = ranged.next().await?;
        Ok(piece.map(|piece| (piece, ranged)))
    })
}

impl Ranged {
    /// Prepares a part that is not empty and lies within the archive.
    pub(super) fn new(
        plan: Plan,
        layout: Layout,
        window: Range<u64>,
        mut prefetch: Prefetch,
        meter: Arc<Meter>,
        (ledger, seen): (Arc<dyn Ledger>, Seen),
    ) -> Ranged {
        let index = layout.pieces().partition_point(|piece| piece.end <= window.start);
        let entries_done = Arc::new(AtomicUsize::new(index));
        prefetch.reach_for_part(layout.pieces().partition_point(|piece| piece.header < window.end));
        Ranged {
            plan,
            layout,
            window,
            prefetch,
            scribe: Scribe::new(Some(Arc::clone(&ledger))),
            ledger,
            seen,
            index,
            entries_done,
            meter,
            data: None,
            ready: VecDeque::new(),
            is_finished: false,
        }
    }

    /// Where the number of entries that lie before what was made can be read.
    pub(super) fn entries_done(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.entries_done)
    }

    /// Waits for the next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.prefetch.note_asked();
        while self.ready.is_empty() && !self.is_finished {
            if let Err(reason) = self.advance().await {
                let failure = Failure::of_entry(self.index, self.plan.entries.get(self.index), reason);
                self.meter.note_failure(&failure);
                return Err(failure);
            }
        }
        let piece = self.ready.pop_front();
        self.prefetch.note_handed(piece.as_ref().map_or(0, Bytes::len) as u64);
        Ok(piece)
    }

    /// Does the next thing that is to be done.
    async fn advance(&mut self) -> Result<(), Reason> {
        match self.data.take() {
            Some(data) => self.run(data).await,
            None => match self.layout.pieces().get(self.index) {
                Some(piece) if piece.header >= self.window.end => {
                    self.is_finished = true;
                    Ok(())
                }
                Some(_) => self.begin().await,
                None => self.end().await,
            },
        }
    }

    /// Begins the current entry; one that is read whole is finished at once.
    async fn begin(&mut self) -> Result<(), Reason> {
        let (index, piece) = (self.index, self.layout.pieces()[self.index]);
        let entry = &self.plan.entries[index];
        self.prefetch.look_ahead(&self.plan, index, entry.length().unwrap_or(0));
        match (&entry.source, &entry.head) {
            (Source::Http(source), Some(head)) if entry.form != Form::Inline => {
                let content = match entry.form {
                    Form::Declared { digest } => Content::Known { digest, compressed_size: digest.size },
                    Form::Directory | Form::Inline | Form::Streamed { .. } => {
                        Content::Streamed { length: entry.length() }
                    }
                };
                let header = zip::Encoder::new().begin(entry.encoded(content)?)?;
                let data = self.open(index, source, head)?;
                self.scribe.begin(data.from);
                self.put(piece.header, header);
                // What fails at once does so before a byte of the entry is handed out.
                self.run(data).await?;
            }
            _ => {
                let raw = self.read_whole(index).await?;
                let digest = digest_of(&raw);
                let (header, descriptor) = place(&self.plan.entries[index], digest)?;
                self.put(piece.header, header);
                let mut position = piece.data;
                for chunk in raw {
                    let length = chunk.len() as u64;
                    self.put(position, chunk);
                    position += length;
                }
                self.put(piece.descriptor, descriptor);
                self.turn_to_next();
            }
        }
        Ok(())
    }

    /// Opens the data of a long entry where the window begins, or at a checkpoint before.
    fn open(&self, index: usize, source: &Arc<HttpSource>, head: &Head) -> Result<Data, Reason> {
        let (entry, piece) = (&self.plan.entries[index], &self.layout.pieces()[index]);
        let length = entry.length().unwrap_or(0);
        let section = piece.descriptor - piece.data;
        let begin = self.window.start.saturating_sub(piece.data).min(section);
        let end = (self.window.end.saturating_sub(piece.data)).min(section);
        let (begin, end, position, cutter) = if entry.method() == Method::StoredBlocks {
            let blocks = StoredBlocks { length };
            let (cutter, position) = BlockCutter::behind(blocks.blocks_before(begin), length);
            (cutter.position(), blocks.needed(end), position, Some(cutter))
        } else {
            (begin, end, begin, None)
        };
        let position = piece.data + position;
        let (from, proof) = if !tells_of(entry, piece, &self.layout, &self.window) {
            (begin, Proof::Needless)
        } else if let Some(crc32) = self.seen.whole(index) {
            (begin, Proof::Seen(crc32))
        } else {
            let hash = Hash::before(&self.seen, index, entry, begin);
            (hash.offset, Proof::Running(Box::new(hash)))
        };
        let (client, demand) = (self.prefetch.client.clone(), Arc::clone(&self.prefetch.demand));
        let reader = Reader::of_span(client, Arc::clone(source), head.clone(), from..end, demand);
        Ok(Data { reader, cutter, from, position, skip: begin - from, proof })
    }

    /// Writes the next bytes of the current entry's data, or what follows them.
    async fn run(&mut self, mut data: Data) -> Result<(), Reason> {
        let (index, piece) = (self.index, self.layout.pieces()[self.index]);
        let Some(mut chunk) = data.reader.next().await? else {
            let size = self.plan.entries[index].length().unwrap_or(0);
            let crc32 = match data.proof {
                Proof::Needless => None,
                Proof::Seen(crc32) => Some(crc32),
                Proof::Running(hash) => Some(self.note_whole(index, *hash)?),
            };
            if let Some(crc32) = crc32 {
                let (_, descriptor) = place(&self.plan.entries[index], Digest { crc32, size })?;
                self.put(piece.descriptor, descriptor);
            }
            self.turn_to_next();
            return Ok(());
        };
        if let Proof::Running(hash) = &mut data.proof {
            hash.see(&chunk)?;
            if self.scribe.is_due(hash.offset) {
                self.scribe.note(index, hash.checkpoint());
            }
        }
        let skipped = data.skip.min(chunk.len() as u64);
        data.skip -= skipped;
        let chunk = chunk.split_off(skipped as usize);
        let mut pieces = VecDeque::new();
        match &mut data.cutter {
            Some(cutter) => cutter.push(chunk, &mut pieces),
            None => pieces.push_back(chunk),
        }
        for piece in pieces {
            let length = piece.len() as u64;
            self.put(data.position, piece);
            data.position += length;
        }
        self.data = Some(data);
        Ok(())
    }

    fn turn_to_next(&mut self) {
        self.meter.note_entry(&self.plan.entries[self.index]);
        self.index += 1;
        self.entries_done.store(self.index, Ordering::Relaxed);
    }

    /// Writes the central directory, and reads through what it tells of and nobody has seen.
    async fn end(&mut self) -> Result<(), Reason> {
        if self.window.end > self.layout.central_directory() {
            // Others may have come to the end of entries meanwhile.
            self.seen = self.ledger.seen().await;
            let mut encoder = zip::Encoder::new();
            for index in 0..self.plan.entries.len() {
                // A failure from here on is this entry's.
                self.index = index;
                let digest = self.digest(index).await?;
                let entry = &self.plan.entries[index];
                encoder.place(entry.encoded(content(entry, digest))?, digest)?;
            }
            let mut position = self.layout.central_directory();
            for piece in encoder.finish()? {
                let length = piece.len() as u64;
                self.put(position, piece);
                position += length;
            }
        }
        self.is_finished = true;
        Ok(())
    }

    /// Finds the digest of an entry that lies before the central directory.
    async fn digest(&mut self, index: usize) -> Result<Digest, Reason> {
        let entry = &self.plan.entries[index];
        let size = entry.length().unwrap_or(0);
        let (Source::Http(source), Some(head)) = (&entry.source, &entry.head) else {
            return Ok(digest_of(&self.read_whole(index).await?));
        };
        if let Some(crc32) = self.seen.whole(index) {
            return Ok(Digest { crc32, size });
        }
        if entry.form == Form::Inline {
            return Ok(digest_of(&self.read_whole(index).await?));
        }
        let mut hash = Hash::before(&self.seen, index, entry, size);
        let (client, demand) = (self.prefetch.client.clone(), Arc::clone(&self.prefetch.demand));
        let span = hash.offset..size;
        let mut reader = Reader::of_span(client, Arc::clone(source), head.clone(), span, demand);
        self.scribe.begin(hash.offset);
        while let Some(chunk) = reader.next().await? {
            hash.see(&chunk)?;
            // Also for its own sake: whoever asks again goes on from there.
            if self.scribe.is_due(hash.offset) {
                self.scribe.note(index, hash.checkpoint());
            }
        }
        let crc32 = self.note_whole(index, hash)?;
        Ok(Digest { crc32, size })
    }

    /// Reads the body of a short entry, judges it and notes that it was seen.
    async fn read_whole(&mut self, index: usize) -> Result<Vec<Bytes>, Reason> {
        let entry = &self.plan.entries[index];
        let mut body = Body::of(entry, index, None, &self.prefetch).await;
        let raw = body.collect_planned(entry.length()).await?;
        if let Source::Http(_) = entry.source {
            self.scribe.note_whole(index, digest_of(&raw).crc32);
        }
        Ok(raw)
    }

    /// Judges an entry that was read to its end, and notes that it was seen whole.
    fn note_whole(&mut self, index: usize, hash: Hash) -> Result<u32, Reason> {
        let crc32 = hash.finish()?;
        self.scribe.note_whole(index, crc32);
        Ok(crc32)
    }

    /// Hands out what of a piece at a position lies in the window.
    fn put(&mut self, position: u64, mut piece: Bytes) {
        let length = piece.len() as u64;
        let from = self.window.start.saturating_sub(position).min(length);
        let to = self.window.end.saturating_sub(position).min(length);
        if from < to {
            piece.truncate(to as usize);
            self.ready.push_back(piece.split_off(from as usize));
        }
    }
}

/// What the header of a stored entry tells.
fn content(entry: &Entry, digest: Digest) -> Content {
    match entry.form {
        Form::Declared { digest } => Content::Known { digest, compressed_size: digest.size },
        Form::Directory | Form::Inline => Content::Known { digest, compressed_size: digest.size },
        Form::Streamed { length } => Content::Streamed { length },
    }
}

/// What stands before and behind the data of a stored entry.
fn place(entry: &Entry, digest: Digest) -> Result<(Bytes, Bytes), Reason> {
    Ok(zip::Encoder::new().place(entry.encoded(content(entry, digest))?, digest)?)
}

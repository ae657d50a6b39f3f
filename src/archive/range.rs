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
use crate::plan::{Checksums, Entry, Form, Head, Plan, Seen};
use crate::zip::{self, BlockCutter, Content, Digest, Layout, Method, StoredBlocks};

use super::hash::Hash;
use super::ledger::{Ledger, Scribe};
use super::meter::Meter;
use super::prefetch::Prefetch;
use super::{Failure, Reason};

/// A part of an archive on its way.
pub(super) struct Ranged {
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    /// The bytes of the archive that are asked for.
    pub(super) window: Range<u64>,
    pub(super) prefetch: Prefetch,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) scribe: Scribe,
    pub(super) seen: Seen,
    /// The entry that is being written; behind the last one, the central directory.
    pub(super) index: usize,
    entries_done: Arc<AtomicUsize>,
    meter: Arc<Meter>,
    data: Option<Data>,
    /// Pieces that are made and not handed out.
    ready: VecDeque<Bytes>,
    pub(super) is_finished: bool,
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
        if !tells_of(entry, piece, tail(plan, layout), window) || seen.whole(index).is_some() {
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

/// Where the part of an archive begins that tells of all its entries: the manifest and the central directory.
pub(super) fn tail(plan: &Plan, layout: &Layout) -> u64 {
    layout.pieces().get(plan.entries.len()).map_or(layout.central_directory(), |manifest| manifest.header)
}

/// Whether bytes of the window hold checksums of an entry.
fn tells_of(entry: &Entry, piece: &zip::Piece, tail: u64, window: &Range<u64>) -> bool {
    let meets = |from: u64, to: u64| from < to && window.start < to && from < window.end;
    meets(piece.descriptor, piece.end)
        || window.end > tail
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
        // The manifest is a piece and no entry of the plan.
        let index = index.min(plan.entries.len());
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
                Some(_) if self.index < self.plan.entries.len() => self.begin().await,
                Some(_) | None => self.end().await,
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
                let (raw, Checksums { crc32, .. }) = self.read_whole(index).await?;
                let digest = Digest { crc32, size: self.plan.entries[index].length().unwrap_or(0) };
                let (header, descriptor) = place(&self.plan.entries[index], digest)?;
                self.put(piece.header, header);
                let mut position = piece.data;
                for chunk in raw {
                    let length = chunk.len();
                    self.put(position, chunk.bytes);
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
        let blocks = (entry.method() == Method::StoredBlocks).then_some(StoredBlocks { length });
        let (begin, end) = match blocks {
            Some(blocks) => (blocks.locate(begin).source, blocks.needed(end)),
            None => (begin, end),
        };
        let (from, proof) = if !tells_of(entry, piece, tail(&self.plan, &self.layout), &self.window) {
            (begin, Proof::Needless)
        } else if let Some(checksums) = self.seen.whole(index).filter(|_| begin > 0) {
            (begin, Proof::Seen(checksums.crc32))
        } else {
            let hash = Hash::before(&self.seen, index, entry, begin);
            (hash.offset, Proof::Running(Box::new(hash)))
        };
        let (client, demand) = (self.prefetch.client.clone(), Arc::clone(&self.prefetch.demand));
        let reader = Reader::of_span(client, Arc::clone(source), head.clone(), from..end, demand);
        let cutter = blocks.map(|_| BlockCutter::behind(from, length));
        let position = piece.data + blocks.map_or(from, |blocks| blocks.place(from));
        Ok(Data { reader, cutter, from, position, proof })
    }

    /// Writes the next bytes of the current entry's data, or what follows them.
    async fn run(&mut self, mut data: Data) -> Result<(), Reason> {
        let (index, piece) = (self.index, self.layout.pieces()[self.index]);
        let Some(chunk) = data.reader.next().await? else {
            let size = self.plan.entries[index].length().unwrap_or(0);
            let crc32 = match data.proof {
                Proof::Needless => None,
                Proof::Seen(crc32) => Some(crc32),
                Proof::Running(hash) => Some(self.note_whole(index, *hash)?.crc32),
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
        let is_complete = self.layout.pieces()[self.index].end <= self.window.end;
        if is_complete {
            self.meter.note_entry(&self.plan.entries[self.index]);
        }
        self.index += 1;
        if is_complete {
            self.entries_done.store(self.index, Ordering::Relaxed);
        }
    }

    /// Hands out what of a piece at a position lies in the window.
    pub(super) fn put(&mut self, position: u64, mut piece: Bytes) {
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
pub(super) fn content(entry: &Entry, digest: Digest) -> Content {
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

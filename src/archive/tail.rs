//! The end of an archive that is made in parts: the manifest and the central directory, which tell of all entries
//! before them, whoever has read those.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::descriptor::Source;
use crate::fetch::{self, Reader};
use crate::plan::{Checksums, Form, Proof};
use crate::zip::{self, Digest};

use super::Reason;
use super::body::Body;
use super::chunk::{Chunk, digest_of};
use super::hash::Hash;
use super::range::{Ranged, content, tail};

impl Ranged {
    /// Writes what tells of all entries, and reads those through that nobody has seen.
    pub(super) async fn end(&mut self) -> Result<(), Reason> {
        if self.window.end > tail(&self.plan, &self.layout) {
            // Others may have come to the end of entries meanwhile.
            self.seen = self.ledger.seen().await;
            let entries = 0..self.plan.entries.len();
            self.prefetch.begin_anew(entries.filter(|index| self.seen.whole(*index).is_some()).collect());
            let (mut encoder, mut proofs) = (zip::Encoder::new(), Vec::new());
            for index in 0..self.plan.entries.len() {
                // A failure from here on is this entry's.
                self.index = index;
                self.prefetch.look_ahead(&self.plan, index, 0);
                let checksums = self.checksums(index).await?;
                let entry = &self.plan.entries[index];
                let size = entry.length().unwrap_or(0);
                let digest = Digest { crc32: checksums.crc32, size };
                encoder.place(entry.encoded(content(entry, digest))?, digest)?;
                proofs.push(Some(Proof { size, checksums }));
            }
            self.put_manifest(&mut encoder, proofs)?;
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

    /// Writes the manifest, where there is one.
    fn put_manifest(&mut self, encoder: &mut zip::Encoder, proofs: Vec<Option<Proof>>) -> Result<(), Reason> {
        let Some(manifest) = &self.plan.manifest else { return Ok(()) };
        let piece = self.layout.pieces()[self.plan.entries.len()];
        let bytes = Bytes::from(manifest.write(self.plan.entries.iter().zip(proofs)));
        let digest = Digest::of(&bytes);
        let (header, descriptor) = encoder.place(manifest.encoded(digest)?, digest)?;
        self.put(piece.header, header);
        self.put(piece.data, bytes);
        self.put(piece.descriptor, descriptor);
        Ok(())
    }

    /// Finds the checksums of an entry that lies before what tells of all.
    async fn checksums(&mut self, index: usize) -> Result<Checksums, Reason> {
        if let Some(checksums) = self.seen.whole(index) {
            return Ok(checksums);
        }
        let entry = &self.plan.entries[index];
        let (source, head) = match (&entry.source, &entry.head) {
            (Source::Http(source), Some(head)) if entry.form != Form::Inline => (source, head),
            _ => {
                let (raw, checksums) = self.read_whole(index).await?;
                // What is read for its own sake is taken as fast as it comes: the look-ahead is to follow.
                let bytes = raw.iter().map(Chunk::len).sum();
                self.prefetch.demand.note(bytes, Duration::ZERO);
                return Ok(checksums);
            }
        };
        let size = entry.length().unwrap_or(0);
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
        self.note_whole(index, hash)
    }

    /// Reads the body of a short entry, judges it and notes that it was seen.
    pub(super) async fn read_whole(&mut self, index: usize) -> Result<(Vec<Chunk>, Checksums), Reason> {
        let entry = &self.plan.entries[index];
        let mut body = Body::of(entry, index, None, &self.prefetch).await;
        let raw = body.collect_planned(entry.length()).await?;
        let sha256 = body.proof().and_then(|proof| proof.checksums.sha256);
        let checksums = Checksums { crc32: digest_of(&raw).crc32, compressed_crc32: None, sha256 };
        if let Source::Http(_) = entry.source {
            self.note_seen(index, checksums)?;
        }
        Ok((raw, checksums))
    }

    /// Judges an entry that was read to its end, and notes that it was seen whole.
    pub(super) fn note_whole(&mut self, index: usize, hash: Hash) -> Result<Checksums, Reason> {
        let checksums = hash.finish()?;
        self.note_seen(index, checksums)?;
        Ok(checksums)
    }

    /// Notes that an entry was seen whole, unless it was seen otherwise before: what was sent then would be joined to it.
    fn note_seen(&mut self, index: usize, checksums: Checksums) -> Result<(), Reason> {
        if self.seen.whole(index).is_some_and(|before| before != checksums) {
            return Err(fetch::Error::Changed("its bytes are not what they were").into());
        }
        self.scribe.note_whole(index, checksums);
        Ok(())
    }
}

//! Looking at data to say whether it is compressed already.
//!
//! What a source says of itself is often wrong: archives are served as `application/octet-stream`, and compressed
//! dumps have no extension. The beginning of the data tells, by the very thing that matters: whether it shrinks.

use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Demand;
use crate::descriptor::{Compression, Entry, HttpSource, Source};
use crate::fetch::{self, Reader};
use crate::plan::{self, Head};

use super::deflate;

/// How much of the data is looked at, in bytes: enough to be past a header, and a fraction of a millisecond of work.
pub(super) const LOOK: usize = 64 << 10;

/// How much of it is waited for by all sources at the same time, in bytes.
pub(super) const FIRST: usize = 4 << 10;

/// Says whether an entry's data is compressed already, as far as that is known without asking its source.
pub(super) fn by_name(entry: &Entry) -> bool {
    if entry.compression != Compression::Auto {
        return false;
    }
    let looks_so = match &entry.source {
        Source::Data(bytes) => looks_compressed(std::slice::from_ref(bytes)),
        Source::Directory | Source::Http(_) => false,
    };
    looks_so || plan::compressed_by(entry, None).is_some()
}

/// Reads the beginning of a source anew whose answer broke, through all further breaks: what it is, and not where it was
/// cut, decides.
pub(super) async fn again(
    client: &fetch::Client,
    source: &Arc<HttpSource>,
    head: Head,
    demand: &Arc<Demand>,
) -> Vec<Bytes> {
    let reader = Reader::new(client.clone(), Arc::clone(source), Some(head), None, Arc::clone(demand));
    let mut reader = reader.forgettable();
    let mut chunks = Vec::new();
    while reader.offset() < LOOK as u64
        && let Ok(Some(chunk)) = reader.next().await
    {
        if reader.offset() == chunk.len() as u64 {
            chunks.clear();
        }
        chunks.push(chunk);
    }
    chunks
}

/// Says whether the beginning of data does not become a tenth smaller.
pub(super) fn looks_compressed(chunks: &[Bytes]) -> bool {
    let mut sample = Vec::with_capacity(LOOK);
    for chunk in chunks {
        sample.extend_from_slice(&chunk[..chunk.len().min(LOOK - sample.len())]);
    }
    !sample.is_empty() && !deflate::shrinks(&sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(data: &[u8], chunk: usize) -> Vec<Bytes> {
        data.chunks(chunk).map(Bytes::copy_from_slice).collect()
    }

    #[test]
    fn noise_looks_compressed_and_text_does_not() {
        let mut random = fastrand::Rng::with_seed(7);
        let noise: Vec<u8> = (0..LOOK + 5).map(|_| random.u8(..)).collect();
        let text: Vec<u8> = (0..LOOK * 2).map(|_| b'a' + random.u8(..16)).collect();
        for chunk in [100, LOOK - 1, LOOK + 1] {
            assert!(looks_compressed(&chunks(&noise, chunk)));
            assert!(!looks_compressed(&chunks(&text, chunk)));
        }
        assert!(!looks_compressed(&[]));
    }

    #[test]
    fn only_the_beginning_is_looked_at() {
        let mut data = b"the same again and again\n".repeat(LOOK / 25 + 1);
        let mut random = fastrand::Rng::with_seed(7);
        data.extend((0..LOOK * 8).map(|_| random.u8(..)));
        assert!(!looks_compressed(&chunks(&data, 1 << 20)));
    }
}

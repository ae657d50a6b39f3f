//! Looking at data to say whether it is compressed already.
//!
//! What a source says of itself is often wrong: archives are served as `application/octet-stream`, and compressed
//! dumps have no extension. The beginning of the data tells, by the very thing that matters: whether it shrinks.

use bytes::Bytes;

use crate::descriptor::{Compression, Entry, Source};
use crate::fetch;
use crate::plan;

use super::deflate;
use super::slots::Ahead;

/// How much of the data is looked at, in bytes: enough to be past a header, and a fraction of a millisecond of work.
pub(super) const LOOK: usize = 64 << 10;

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

/// Says whether an entry's data is compressed already, by what its source told and the beginning that is at hand.
pub(super) async fn by_answer(entry: &Entry, content_type: Option<&str>, ahead: Option<&mut Ahead>) -> bool {
    if plan::compressed_by(entry, content_type).is_some() {
        return true;
    }
    match ahead {
        Some(Ahead::Gathered(chunks)) => looks_compressed(chunks),
        Some(Ahead::Open(opened)) => by_opened(entry, opened).await,
        None => false,
    }
}

/// The same by the answer of the source whose turn comes first.
pub(super) async fn by_opened(entry: &Entry, opened: &mut fetch::Opened) -> bool {
    plan::compressed_by(entry, opened.content_type.as_deref()).is_some()
        || looks_compressed(&opened.peek(LOOK).await)
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

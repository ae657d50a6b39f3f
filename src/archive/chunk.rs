//! A piece of a source, and its CRC-32.

use bytes::Bytes;

use crate::zip::{Crc32, Digest};

/// Bytes, and their CRC-32 where it was computed when they came: then they lie in the cache of the core that received
/// them, while who writes them has to fetch them from there.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    crc32: Option<u32>,
}

impl Chunk {
    /// Takes bytes that have just come; says whether their CRC-32 will be asked for.
    pub(super) fn new(bytes: Bytes, is_summed: bool) -> Chunk {
        let crc32 = is_summed.then(|| Digest::of(&bytes).crc32);
        Chunk { bytes, crc32 }
    }

    /// The number of bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// CRC-32 and size.
    pub(super) fn digest(&self) -> Digest {
        match self.crc32 {
            Some(crc32) => Digest { crc32, size: self.len() },
            None => Digest::of(&self.bytes),
        }
    }
}

/// The digest of chunks in a row.
pub(super) fn digest_of(chunks: &[Chunk]) -> Digest {
    let mut crc32 = Crc32::new();
    chunks.iter().for_each(|chunk| crc32.append(chunk.digest()));
    Digest { crc32: crc32.value(), size: chunks.iter().map(Chunk::len).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_have_the_digest_of_all_their_bytes(
            chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..6)
        ) {
            let whole: Vec<u8> = chunks.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let chunks: Vec<_> = chunks.into_iter().map(|(bytes, is_summed)| Chunk::new(bytes.into(), is_summed)).collect();
            prop_assert_eq!(digest_of(&chunks), Digest::of(&whole));
        }
    }
}

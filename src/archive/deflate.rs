//! DEFLATE of an entry or of one of its blocks: a pure function of the level and the data.
//!
//! No encoder is asked to make data larger: what does not shrink is stored, at five bytes in 65,535.

use bytes::Bytes;
use sirocco::Format;
use sirocco::deflate::{self, Flush, TABLES_LEN};

use crate::descriptor::Level;
use crate::zip::{StoredBlocks, store_blocks};

/// A final block of no bytes with fixed codes (RFC 1951 §3.2.6).
pub(super) const LAST: [u8; 2] = [0x03, 0x00];

/// What compresses one block after another: its buffers are allocated once. What was compressed before reaches no byte.
pub(super) struct Encoder {
    tables: Vec<u16>,
    out: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { tables: vec![0; TABLES_LEN], out: Vec::new() }
    }
}

impl Encoder {
    /// Compresses a block that others may follow: it ends at a byte's boundary, and not the stream.
    pub(super) fn block(&mut self, level: Level, input: &[u8]) -> Bytes {
        self.encode(level, input, false)
    }

    /// Compresses all of an entry's data.
    pub(super) fn whole(&mut self, level: Level, input: &[u8]) -> Bytes {
        self.encode(level, input, true)
    }

    /// Compresses data, or stores it where that takes fewer bytes.
    fn encode(&mut self, level: Level, input: &[u8], is_whole: bool) -> Bytes {
        let most = stored_len(input);
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let flush = if is_whole { Flush::Finish } else { Flush::Sync };
        match compress(&mut self.tables, level, input, &mut self.out[..most], flush) {
            Some(length) => Bytes::copy_from_slice(&self.out[..length]),
            None => store_blocks(input, is_whole).into(),
        }
    }
}

/// Says whether data becomes at least a tenth smaller at the fastest level.
pub(super) fn shrinks(input: &[u8]) -> bool {
    let mut out = vec![0; input.len() - input.len().div_ceil(10)];
    compress(&mut vec![0; TABLES_LEN], Level::FASTEST, input, &mut out, Flush::Finish).is_some()
}

/// Compresses data, and says how long it became, if `out` has room for it.
fn compress(tables: &mut [u16], level: Level, input: &[u8], out: &mut [u8], flush: Flush) -> Option<usize> {
    // All our levels are levels of sirocco.
    let level = deflate::Level::new(level.number());
    let done = deflate::Encoder::with_tables(Format::Deflate, level, tables).compress(input, out, flush);
    (!done.full).then_some(done.output.len())
}

fn stored_len(input: &[u8]) -> usize {
    StoredBlocks { length: input.len() as u64 }.encoded_len() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read as _;

    /// Appends a run of noise, of few letters, of a line again and again, or of what lies before it, near and far.
    fn extend(out: &mut Vec<u8>, (kind, length, seed): (usize, usize, u64)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let end = out.len() + length;
        while out.len() < end {
            match kind {
                0 => out.push(random.u8(..)),
                1 => out.push(b'a' + random.u8(..4)),
                2 => out.extend(b"the same again and again\n"),
                _ if out.len() < 300 || random.u8(..4) == 0 => out.extend([random.u8(..), random.u8(..)]),
                _ => {
                    let start = out.len() - random.usize(300..=out.len().min(40_000));
                    out.extend_from_within(start..start + random.usize(1..300));
                }
            }
        }
        out.truncate(end);
    }

    /// Data that compresses well, badly, or not at all, or in parts.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        let run = (0..4_usize, 0..90_000_usize, any::<u64>());
        prop::collection::vec(run, 0..4).prop_map(|runs| {
            let mut out = Vec::new();
            runs.into_iter().for_each(|run| extend(&mut out, run));
            out
        })
    }

    fn inflate(stream: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut inflate = flate2::bufread::DeflateDecoder::new(stream);
        inflate.read_to_end(&mut out).unwrap();
        assert_eq!(inflate.total_in() as usize, stream.len(), "something follows the end");
        out
    }

    fn check_blocks<'a>(blocks: impl Iterator<Item = &'a [u8]> + Clone, level: Level) {
        let (mut stream, mut used) = (Vec::new(), Encoder::default());
        for input in blocks.clone() {
            let block = used.block(level, input);
            assert!(block == Encoder::default().block(level, input), "what was before reaches the bytes");
            assert!(block.len() <= stored_len(input));
            stream.extend(block);
        }
        stream.extend(LAST);
        assert!(inflate(&stream) == blocks.collect::<Vec<_>>().concat(), "level {}", level.number());
    }

    #[test]
    fn full_blocks_join_at_every_level() {
        let mut input = Vec::new();
        (0..24).for_each(|n| extend(&mut input, (n % 4, 80_000 + n, n as u64)));
        (1..=9).for_each(|number| check_blocks(input.chunks(1 << 20), Level::new(number).unwrap()));
    }

    proptest! {
        #[test]
        fn blocks_join_and_never_grow(blocks in prop::collection::vec(data(), 1..4), number in 1..=9_u8) {
            check_blocks(blocks.iter().map(Vec::as_slice), Level::new(number).unwrap());
        }

        #[test]
        fn a_whole_is_a_stream_and_never_grows(input in data(), number in 1..=9_u8) {
            let (level, mut used) = (Level::new(number).unwrap(), Encoder::default());
            let whole = used.whole(level, &input);
            prop_assert_eq!(&used.whole(level, &input), &whole);
            prop_assert!(whole.len() <= stored_len(&input));
            prop_assert_eq!(inflate(&whole), input);
        }
    }
}

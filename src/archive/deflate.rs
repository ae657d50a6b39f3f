//! DEFLATE of one block of an entry: a pure function of its level and its data.
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

/// Compresses data, and says how long it became, if it is shorter than `out`.
fn compress(tables: &mut [u16], level: Level, input: &[u8], out: &mut [u8], flush: Flush) -> Option<usize> {
    // All our levels are levels of sirocco.
    let level = deflate::Level::new(level.number());
    let most = out.len();
    let done = deflate::Encoder::with_tables(Format::Deflate, level, tables).compress(input, out, flush);
    (!done.full && done.output.len() < most).then_some(done.output.len())
}

fn stored_len(input: &[u8]) -> usize {
    StoredBlocks { length: input.len() as u64 }.encoded_len() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read as _;

    /// Data that compresses well, badly, or not at all, or in parts.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        let run = (0..3_usize, 0..90_000_usize, any::<u64>());
        prop::collection::vec(run, 0..4).prop_map(|runs| {
            let make = |(kind, length, seed)| {
                let mut random = fastrand::Rng::with_seed(seed);
                let byte = |i: usize| match kind {
                    0 => random.u8(..),
                    1 => b'a' + random.u8(..4),
                    _ => b"the same again and again\n"[i % 25],
                };
                (0..length).map(byte).collect::<Vec<_>>()
            };
            runs.into_iter().flat_map(make).collect()
        })
    }

    fn inflate(stream: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut inflate = flate2::bufread::DeflateDecoder::new(stream);
        inflate.read_to_end(&mut out).unwrap();
        assert_eq!(inflate.total_in() as usize, stream.len(), "something follows the end");
        out
    }

    /// A block of runs that repeat what lies anywhere before them, in the window and beyond, and of noise.
    fn repeats(seed: u64, length: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut out = Vec::with_capacity(length + 600);
        while out.len() < length {
            if out.len() > 300 && random.u8(..4) > 0 {
                let back = random.usize(1..out.len().min(40_000));
                let start = out.len() - back;
                let run = random.usize(1..300).min(back);
                out.extend_from_within(start..start + run);
            } else {
                let run = random.usize(1..40);
                out.extend((0..run).map(|_| random.u8(..)));
            }
        }
        out.truncate(length);
        out
    }

    #[test]
    fn whole_blocks_join_at_every_level() {
        let input = repeats(11, (2 << 20) + 12_345);
        let mut used = Encoder::default();
        for number in 1..=9 {
            let level = Level::new(number).unwrap();
            let mut stream: Vec<u8> =
                input.chunks(1 << 20).flat_map(|block| used.block(level, block)).collect();
            stream.extend(LAST);
            assert!(stream.len() < input.len() / 3, "{number}: {}", stream.len());
            assert!(inflate(&stream) == input, "{number}");
        }
    }

    proptest! {
        #[test]
        fn blocks_join_and_never_grow(blocks in prop::collection::vec(data(), 1..4), number in 1..=9_u8) {
            let level = Level::new(number).unwrap();
            let mut stream = Vec::new();
            let mut used = Encoder::default();
            for input in &blocks {
                let block = Encoder::default().block(level, input);
                prop_assert_eq!(&used.block(level, input), &block);
                prop_assert!(block.len() <= stored_len(input));
                stream.extend(block);
            }
            stream.extend(LAST);
            prop_assert_eq!(inflate(&stream), blocks.concat());
        }

        #[test]
        fn a_whole_is_a_stream_and_never_grows(input in data(), number in 1..=9_u8) {
            let level = Level::new(number).unwrap();
            let mut used = Encoder::default();
            let whole = used.whole(level, &input);
            prop_assert_eq!(&used.whole(level, &input), &whole);
            prop_assert!(whole.len() <= stored_len(&input));
            prop_assert_eq!(inflate(&whole), input);
        }
    }
}

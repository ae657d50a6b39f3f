//! DEFLATE of one block of an entry: a pure function of its level, of the data before it, and of its own.
//!
//! Blocks are compressed by zlib-rs, whose flushes let them join. An entry of a single block needs no joining, and is
//! compressed by libdeflate, which takes less time for fewer bytes. Neither is asked to make data larger: what does
//! not shrink is stored, at five bytes in 65,535.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};

use crate::descriptor::Level;
use crate::zip::{StoredBlocks, store_blocks};

use super::Reason;

/// The data before a block that it may refer to, in bytes: DEFLATE's window.
pub(super) const DICTIONARY: usize = 32 << 10;
/// Room beside an eighth of the input for what does not shrink, in bytes: the fastest level was seen to add 5.5 %.
const SLACK: usize = 1 << 10;
/// A final block of no bytes with fixed codes (RFC 1951 §3.2.6).
pub(super) const LAST: [u8; 2] = [0x03, 0x00];

/// What compresses one block after another: its buffers are allocated once. What was compressed before reaches no byte.
#[derive(Default)]
pub(super) struct Encoder {
    libdeflate: Option<(Level, Compressor)>,
    out: Vec<u8>,
}

impl Encoder {
    /// Compresses a block that others may follow: it ends at a byte's boundary, and not the stream. `before` is the data
    /// before it, of which the last [`DICTIONARY`] bytes count.
    ///
    /// # Errors
    /// When the compressor fails.
    pub(super) fn block(&mut self, level: Level, before: &[u8], input: &[u8]) -> Result<Bytes, Reason> {
        let most = stored_len(input);
        // A new one each time: what zlib-rs 0.6.8 was given before a reset reaches what comes after.
        let mut zlib = Compress::new(Compression::new(zlib_level(level)), false);
        // At the fastest level it would take more time than it gains.
        if level > Level::FASTEST && !before.is_empty() {
            zlib.set_dictionary(before).map_err(|_| Reason::Compressor)?;
        }
        self.out.clear();
        self.out.reserve(input.len() + input.len() / 8 + SLACK);
        zlib.compress_vec(input, &mut self.out, FlushCompress::Sync).map_err(|_| Reason::Compressor)?;
        // A flush is complete when it left room in the output (zlib.h, deflate()).
        let is_complete = zlib.total_in() as usize == input.len() && self.out.len() < self.out.capacity();
        if is_complete && self.out.len() < most {
            return Ok(Bytes::copy_from_slice(&self.out));
        }
        Ok(store_blocks(input, false).into())
    }

    /// Compresses all of an entry's data.
    pub(super) fn whole(&mut self, level: Level, input: &[u8]) -> Bytes {
        let most = stored_len(input);
        self.out.clear();
        self.out.resize(most, 0);
        let libdeflate = self.libdeflate.take().filter(|(of, _)| *of == level);
        let (_, libdeflate) =
            self.libdeflate.insert(libdeflate.unwrap_or_else(|| (level, compressor(level))));
        match libdeflate.deflate_compress(input, &mut self.out) {
            Ok(length) => Bytes::copy_from_slice(&self.out[..length]),
            // It does not fit.
            Err(_) => store_blocks(input, true).into(),
        }
    }
}

/// Says whether data becomes at least a tenth smaller at the fastest level.
pub(super) fn shrinks(input: &[u8]) -> bool {
    let mut out = vec![0; input.len() - input.len().div_ceil(10)];
    // It fails exactly where the output does not fit.
    compressor(Level::FASTEST).deflate_compress(input, &mut out).is_ok()
}

fn compressor(level: Level) -> Compressor {
    // All our levels are levels of libdeflate.
    Compressor::new(CompressionLvl::new(level.number().into()).unwrap_or_default())
}

/// The level of zlib that is meant: its highest takes longer for more bytes than the one below, on all that was measured.
fn zlib_level(level: Level) -> u32 {
    u32::from(level.number().min(8))
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

    proptest! {
        #[test]
        fn blocks_join_and_never_grow(blocks in prop::collection::vec(data(), 1..4), number in 1..=9_u8) {
            let level = Level::new(number).unwrap();
            let (mut stream, mut before) = (Vec::new(), Vec::new());
            let mut used = Encoder::default();
            for input in &blocks {
                let block = Encoder::default().block(level, &before, input).unwrap();
                prop_assert_eq!(&used.block(level, &before, input).unwrap(), &block);
                prop_assert!(block.len() <= stored_len(input));
                stream.extend(block);
                before.extend(input);
                before.drain(..before.len().saturating_sub(DICTIONARY));
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

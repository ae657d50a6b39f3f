//! What a route serves: bytes in memory, or a pattern of any length that is never held in memory.
//!
//! The pattern is a table of 64 KiB of noise, repeated, with a stamp that depends on the position at every 4 KiB. It is as
//! cheap as a copy even in a debug build, does not compress (the repetition lies outside DEFLATE's window of 32 KiB), and
//! two places of it are never alike, so a lost, doubled or moved piece shows.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// The repeated noise, in octets; twice DEFLATE's window.
const TABLE: usize = 64 << 10;
/// The distance of two stamps, in octets.
const STAMP_EVERY: u64 = 4 << 10;
/// The length of a stamp, in octets.
const STAMP: usize = 8;

/// The bytes of a route.
#[derive(Clone)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A pattern made as it is read.
    Pattern(Arc<Pattern>),
}

impl Content {
    /// Holds these bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Content {
        Content::Bytes(bytes.into())
    }

    /// Makes `length` octets of the pattern of this seed.
    pub fn pattern(seed: u64, length: u64) -> Content {
        Content::Pattern(Arc::new(Pattern::new(seed, length)))
    }

    /// The length in octets.
    pub fn length(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Pattern(pattern) => pattern.length,
        }
    }

    /// Fills `into` with what stands at `offset`; the caller stays within the length.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        match self {
            Content::Bytes(bytes) => {
                let from = offset as usize;
                into.copy_from_slice(&bytes[from..from + into.len()]);
            }
            Content::Pattern(pattern) => pattern.read(offset, into),
        }
    }
}

/// A position-dependent pattern of a seed.
pub struct Pattern {
    seed: u64,
    length: u64,
    table: Vec<u8>,
}

impl Pattern {
    /// Prepares the noise of a seed.
    pub fn new(seed: u64, length: u64) -> Pattern {
        let table = (0..TABLE as u64 / 8).flat_map(|at| mix(seed, at).to_le_bytes()).collect();
        Pattern { seed, length, table }
    }

    /// Fills `into` with the pattern at `offset`.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let within = (at % STAMP_EVERY) as usize;
            let run = (into.len() - done).min(STAMP_EVERY as usize - within);
            let target = &mut into[done..done + run];
            let from = (at % TABLE as u64) as usize;
            target.copy_from_slice(&self.table[from..from + run]);
            let stamp = mix(!self.seed, at / STAMP_EVERY).to_le_bytes();
            for (place, value) in target.iter_mut().zip(stamp.iter().skip(within.min(STAMP))) {
                *place = *value;
            }
            done += run;
        }
    }
}

/// Returns a range of the pattern of a seed, for comparison.
pub fn pattern(seed: u64, range: Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    Pattern::new(seed, range.end).read(range.start, &mut bytes);
    bytes
}

/// The splitmix64 of a seed and a counter.
fn mix(seed: u64, at: u64) -> u64 {
    let mut z = seed.wrapping_add(at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_range_of_the_pattern_is_a_slice_of_it() {
    let whole = pattern(7, 0..200_000);
    for range in [0..1, 3..4099, 4095..4105, 4100..4104, 65_530..70_000, 199_999..200_000] {
        assert_eq!(pattern(7, range.clone()), &whole[range.start as usize..range.end as usize]);
    }
    assert_ne!(pattern(8, 0..64), &whole[..64]);
}

#[test]
fn no_two_places_of_the_pattern_are_alike() {
    let whole = pattern(1, 0..4 << 20);
    let stamps: std::collections::HashSet<&[u8]> = whole.chunks(STAMP_EVERY as usize).collect();
    assert_eq!(stamps.len(), whole.len() / STAMP_EVERY as usize);
    assert_ne!(pattern(1, 5 << 30..(5 << 30) + 8), &whole[..8]);
}

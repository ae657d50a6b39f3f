//! A DEFLATE stream that compresses nothing: stored blocks, cut by position (RFC 1951 §3.2.4).
//!
//! ```text
//! ┌ header ┬ 65,535 bytes ┬ header ┬ 65,535 bytes ┬ … ┬ last header ┬ the rest ┐
//! └ 5 bytes┘              └ 5 bytes┘                  └ 5 bytes ────┘
//! ```
//! Unlike data of method 0 it tells its own end, so that a reader that cannot seek finds what follows it; and unlike
//! other DEFLATE streams its length, and where each byte of the data stands in it, follow from the data's length alone.

use std::collections::VecDeque;

use bytes::Bytes;

/// The most data of a stored block, in bytes: its length has 16 bits.
const BLOCK: u64 = 0xFFFF;
/// Length of a stored block's header, in bytes: three bits that are filled up to a byte, and the length twice.
const HEADER: u64 = 5;

/// The map of a stream of stored blocks that ends with the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlocks {
    /// The length of the data in bytes.
    pub length: u64,
}

/// What a position in a stream of stored blocks falls on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPlace {
    /// How many bytes of a block's header still come before the data.
    pub header: u64,
    /// The offset of the next byte of the data.
    pub source: u64,
}

impl StoredBlocks {
    /// Returns the length of the stream, in bytes; saturates.
    pub const fn encoded_len(self) -> u64 {
        self.length.saturating_add(self.blocks() * HEADER)
    }

    /// Finds out what stands at an offset of the stream; at its end and behind it, the end of the data.
    pub fn locate(self, offset: u64) -> StoredPlace {
        if offset >= self.encoded_len() {
            return StoredPlace { header: 0, source: self.length };
        }
        let (block, within) = (offset / (HEADER + BLOCK), offset % (HEADER + BLOCK));
        let source = block * BLOCK + within.saturating_sub(HEADER);
        StoredPlace { header: HEADER.saturating_sub(within), source }
    }

    /// Returns where in the stream the data from an offset on goes on: at a block's beginning, before its header.
    pub const fn place(self, source: u64) -> u64 {
        let (blocks, within) = (source / BLOCK, source % BLOCK);
        blocks * (HEADER + BLOCK) + if within == 0 { 0 } else { HEADER + within }
    }

    /// Returns how much of the data is needed to write the stream up to an offset: a header tells of data behind it.
    pub fn needed(self, offset: u64) -> u64 {
        let StoredPlace { header, source } = self.locate(offset);
        let is_begun = header < HEADER && (header > 0 || offset % (HEADER + BLOCK) == HEADER);
        if is_begun { (source + 1).min(self.length) } else { source }
    }

    /// Returns the header of the block whose data begins at an offset of the data, a multiple of 65,535.
    pub fn header(self, source: u64) -> [u8; 5] {
        let rest = self.length.saturating_sub(source);
        header(rest.min(BLOCK), rest <= BLOCK)
    }

    /// Returns how many blocks there are: data of no bytes needs one, too.
    const fn blocks(self) -> u64 {
        if self.length == 0 { 1 } else { self.length.div_ceil(BLOCK) }
    }
}

/// Returns the header of a block of so many bytes, which are at most 65,535.
fn header(length: u64, is_last: bool) -> [u8; 5] {
    let length = length as u16;
    let [low, high] = length.to_le_bytes();
    [is_last.into(), low, high, !low, !high]
}

/// Writes data as stored blocks that may stand within a DEFLATE stream, at a byte's boundary.
pub fn store_blocks(data: &[u8], is_last: bool) -> Vec<u8> {
    let map = StoredBlocks { length: data.len() as u64 };
    let mut out = Vec::with_capacity(map.encoded_len() as usize);
    let mut blocks = data.chunks(BLOCK as usize).peekable();
    if blocks.peek().is_none() {
        out.extend(header(0, is_last));
    }
    while let Some(block) = blocks.next() {
        out.extend(header(block.len() as u64, is_last && blocks.peek().is_none()));
        out.extend(block);
    }
    out
}

/// Puts the headers of stored blocks between data that passes by, which is not copied.
///
/// Where the length is not known the data of a block is held until it is complete, since its header tells how much it
/// is; the bytes are the same.
#[derive(Debug)]
pub struct BlockCutter {
    /// The length that was announced.
    map: Option<StoredBlocks>,
    /// How much data was handed out.
    position: u64,
    /// How much data of the block that was begun is missing.
    open: u64,
    /// Data that waits for its block to be complete.
    held: VecDeque<Bytes>,
    /// How much that is, in bytes.
    held_len: u64,
}

impl BlockCutter {
    /// Starts a stream of data whose length may be known; it must be exactly that, then.
    pub fn new(length: Option<u64>) -> BlockCutter {
        let map = length.map(|length| StoredBlocks { length });
        BlockCutter { map, position: 0, open: 0, held: VecDeque::new(), held_len: 0 }
    }

    /// Goes on behind so much of the data, whose length is known.
    pub fn behind(position: u64, length: u64) -> BlockCutter {
        let open = match position % BLOCK {
            0 => 0,
            within => (BLOCK - within).min(length.saturating_sub(position)),
        };
        BlockCutter { position, open, ..BlockCutter::new(Some(length)) }
    }

    /// Takes the next data and hands out what is to be written, in order.
    pub fn push(&mut self, mut chunk: Bytes, out: &mut VecDeque<Bytes>) {
        let Some(map) = self.map else { return self.hold(chunk, out) };
        while !chunk.is_empty() {
            if self.open == 0 {
                out.push_back(Bytes::copy_from_slice(&map.header(self.position)));
                self.open = (map.length.saturating_sub(self.position)).clamp(1, BLOCK);
            }
            let part = chunk.split_to(chunk.len().min(self.open as usize));
            self.open -= part.len() as u64;
            self.position += part.len() as u64;
            out.push_back(part);
        }
    }

    /// Takes the end of the data.
    pub fn finish(mut self, out: &mut VecDeque<Bytes>) {
        match self.map {
            Some(map) if self.position == 0 => out.push_back(Bytes::copy_from_slice(&map.header(0))),
            Some(_) => {}
            None => self.flush(true, out),
        }
    }

    fn hold(&mut self, mut chunk: Bytes, out: &mut VecDeque<Bytes>) {
        while !chunk.is_empty() {
            if self.held_len == BLOCK {
                // More data follows it: it is not the last.
                self.flush(false, out);
            }
            let part = chunk.split_to(chunk.len().min((BLOCK - self.held_len) as usize));
            self.held_len += part.len() as u64;
            self.held.push_back(part);
        }
    }

    fn flush(&mut self, is_last: bool, out: &mut VecDeque<Bytes>) {
        out.push_back(Bytes::copy_from_slice(&header(self.held_len, is_last)));
        out.append(&mut self.held);
        self.held_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lengths around the borders of blocks.
    fn lengths() -> impl Strategy<Value = usize> {
        (0..4_usize, 0..5_usize).prop_map(|(blocks, more)| (blocks * 0xFFFF + more).saturating_sub(2))
    }

    fn cut(data: &[u8], chunk: usize, length: Option<u64>) -> Vec<u8> {
        let (mut cutter, mut out) = (BlockCutter::new(length), VecDeque::new());
        data.chunks(chunk).for_each(|chunk| cutter.push(Bytes::copy_from_slice(chunk), &mut out));
        cutter.finish(&mut out);
        Vec::from(out).concat()
    }

    proptest! {
        #[test]
        fn every_way_gives_the_same_bytes_and_the_map_knows_them(length in lengths(), chunk in 1..200_000_usize) {
            let data: Vec<u8> = (0..length).map(|i| (i % 251) as u8 + 2).collect();
            let whole = store_blocks(&data, true);
            prop_assert_eq!(&cut(&data, chunk, Some(length as u64)), &whole);
            prop_assert_eq!(&cut(&data, chunk, None), &whole);
            let map = StoredBlocks { length: length as u64 };
            prop_assert_eq!(map.encoded_len(), whole.len() as u64);
            for offset in (0..whole.len()).filter(|offset| offset % 997 == 0 || offset % 65_540 < 8) {
                let StoredPlace { header, source } = map.locate(offset as u64);
                let stands = if header > 0 {
                    map.header(source)[5 - header as usize]
                } else {
                    data[source as usize]
                };
                prop_assert_eq!(stands, whole[offset]);
            }
            let end = StoredPlace { header: 0, source: length as u64 };
            prop_assert_eq!(map.locate(whole.len() as u64), end);
            let mut read = Vec::new();
            let mut inflate = flate2::read::DeflateDecoder::new(&whole[..]);
            std::io::Read::read_to_end(&mut inflate, &mut read).unwrap();
            prop_assert_eq!(read, data);
        }
    }
}

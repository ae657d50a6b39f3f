//! Bytes that wait for their turn, and take little more memory than they measure.
//!
//! A chunk keeps the whole buffer that it was read into, and a list of chunks costs for each of them: what a source sends
//! byte by byte would take thousands of times its length. So small chunks are copied, and joined.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Below this length a chunk is copied out of the buffer that it keeps, which measures 8 KiB and more.
pub(super) const SMALL: usize = 4 << 10;
/// What is joined is a chunk of its own from this length on, in bytes.
const JOINED: usize = 64 << 10;

/// Chunks in order, of which small ones are joined: by default those below 4 KiB.
#[derive(Debug)]
pub struct Backlog {
    /// Chunks below this length are copied, in bytes.
    small: usize,
    chunks: VecDeque<Bytes>,
    /// What stands behind them.
    joined: BytesMut,
    length: u64,
}

impl Default for Backlog {
    fn default() -> Backlog {
        Backlog::joining(SMALL)
    }
}

impl Backlog {
    /// Joins chunks that are shorter than so many bytes.
    pub fn joining(small: usize) -> Backlog {
        Backlog { small, chunks: VecDeque::new(), joined: BytesMut::new(), length: 0 }
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: Bytes) {
        self.length += chunk.len() as u64;
        if chunk.len() < self.small {
            self.joined.extend_from_slice(&chunk);
            if self.joined.len() >= JOINED {
                self.close();
            }
        } else {
            self.close();
            self.chunks.push_back(chunk);
        }
    }

    /// Takes the first chunk.
    pub fn pop(&mut self) -> Option<Bytes> {
        if self.chunks.is_empty() {
            self.close();
        }
        let chunk = self.chunks.pop_front()?;
        self.length -= chunk.len() as u64;
        Some(chunk)
    }

    /// Drops the last bytes, until so many are left.
    pub fn truncate(&mut self, length: u64) {
        self.close();
        while self.length > length
            && let Some(mut chunk) = self.chunks.pop_back()
        {
            self.length -= chunk.len() as u64;
            if self.length < length {
                chunk.truncate((length - self.length) as usize);
                self.length = length;
                self.chunks.push_back(chunk);
            }
        }
    }

    /// All of them, which stay.
    pub fn all(&mut self) -> Vec<Bytes> {
        self.close();
        self.chunks.iter().cloned().collect()
    }

    /// All of them.
    pub fn into_all(mut self) -> VecDeque<Bytes> {
        self.close();
        self.chunks
    }

    fn close(&mut self) {
        if !self.joined.is_empty() {
            // A copy of just this length: what was reserved for more is used again.
            self.chunks.push_back(Bytes::copy_from_slice(&self.joined));
            self.joined.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(lengths: &[usize]) -> Backlog {
        let mut backlog = Backlog::joining(100);
        let mut next = (0..=u8::MAX).cycle();
        lengths.iter().for_each(|&length| backlog.push(next.by_ref().take(length).collect()));
        backlog
    }

    #[test]
    fn small_ones_are_joined_and_nothing_else_changes() {
        let mut some = backlog(&[1, 2, 99, 100, 5, 300, 7]);
        assert_eq!(some.all().iter().map(Bytes::len).collect::<Vec<_>>(), [102, 100, 5, 300, 7]);
        let all = some.all().concat();
        // None of these was joined yet.
        let mut some = backlog(&[1, 2, 99, 100, 5, 300, 7]);
        let mut length = some.length();
        assert_eq!(length, 514);
        let mut taken = Vec::new();
        while let Some(chunk) = some.pop() {
            length -= chunk.len() as u64;
            assert_eq!(some.length(), length);
            taken.extend(chunk);
        }
        assert_eq!(taken, all);
    }

    #[test]
    fn what_comes_byte_by_byte_is_few_chunks() {
        let many = backlog(&vec![1; 200_000]);
        assert_eq!((many.length(), many.into_all().len()), (200_000, 4));
    }

    #[test]
    fn the_end_is_cut_within_a_chunk_too() {
        for length in [0, 1, 102, 103, 202, 514, 600] {
            let mut some = backlog(&[1, 2, 99, 100, 5, 300, 7]);
            let whole = some.all().concat();
            some.truncate(length);
            let expected = &whole[..whole.len().min(length as usize)];
            assert_eq!((some.length(), &some.all().concat()[..]), (expected.len() as u64, expected));
        }
    }
}

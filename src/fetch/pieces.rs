//! Bytes that wait for their turn, and take little more memory than they measure.
//!
//! A chunk keeps the whole buffer that it was read into, and a list of chunks costs for each of them: what a source sends
//! byte by byte would take thousands of times its length. So small chunks are copied, and joined.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The most that is joined to one piece, in bytes.
const JOINED: usize = 64 << 10;

/// Chunks in order, of which small ones are joined.
#[derive(Debug, Default)]
pub struct Pieces {
    /// Chunks below this length are copied, in bytes.
    small: usize,
    pieces: VecDeque<Bytes>,
    /// What stands behind them.
    joined: BytesMut,
    length: u64,
}

impl Pieces {
    /// Joins chunks that are shorter than so many bytes.
    pub fn joining(small: usize) -> Pieces {
        Pieces { small, ..Pieces::default() }
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
            self.pieces.push_back(chunk);
        }
    }

    /// Takes the first piece.
    pub fn pop(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.close();
        }
        let piece = self.pieces.pop_front()?;
        self.length -= piece.len() as u64;
        Some(piece)
    }

    /// Drops the last bytes, until so many are left.
    pub fn truncate(&mut self, length: u64) {
        self.close();
        while self.length > length
            && let Some(mut piece) = self.pieces.pop_back()
        {
            self.length -= piece.len() as u64;
            if self.length < length {
                piece.truncate((length - self.length) as usize);
                self.length = length;
                self.pieces.push_back(piece);
            }
        }
    }

    /// All of them, which stay.
    pub fn all(&mut self) -> Vec<Bytes> {
        self.close();
        self.pieces.iter().cloned().collect()
    }

    /// All of them.
    pub fn into_all(mut self) -> VecDeque<Bytes> {
        self.close();
        self.pieces
    }

    fn close(&mut self) {
        if !self.joined.is_empty() {
            // A copy of just this length: what was reserved for more is used again.
            self.pieces.push_back(Bytes::copy_from_slice(&self.joined));
            self.joined.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(lengths: &[usize]) -> Pieces {
        let mut pieces = Pieces::joining(100);
        let mut next = (0..=u8::MAX).cycle();
        lengths.iter().for_each(|&length| pieces.push(next.by_ref().take(length).collect()));
        pieces
    }

    #[test]
    fn small_ones_are_joined_and_nothing_else_changes() {
        let mut some = pieces(&[1, 2, 99, 100, 5, 300, 7]);
        assert_eq!(some.all().iter().map(Bytes::len).collect::<Vec<_>>(), [102, 100, 5, 300, 7]);
        let (mut length, all) = (some.length(), some.all().concat());
        assert_eq!(length, 514);
        let mut taken = Vec::new();
        while let Some(piece) = some.pop() {
            length -= piece.len() as u64;
            assert_eq!(some.length(), length);
            taken.extend(piece);
        }
        assert_eq!(taken, all);
    }

    #[test]
    fn what_comes_byte_by_byte_is_few_pieces() {
        let many = pieces(&vec![1; 200_000]);
        assert_eq!((many.length(), many.into_all().len()), (200_000, 4));
    }

    #[test]
    fn the_end_is_cut_within_a_piece_too() {
        for length in [0, 1, 102, 103, 202, 514, 600] {
            let mut some = pieces(&[1, 2, 99, 100, 5, 300, 7]);
            let whole = some.all().concat();
            some.truncate(length);
            let expected = &whole[..whole.len().min(length as usize)];
            assert_eq!((some.length(), &some.all().concat()[..]), (expected.len() as u64, expected));
        }
    }
}

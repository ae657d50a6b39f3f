//! What was seen of the sources' bytes while they passed by: enough to go on in the middle of an archive, whose data
//! descriptors and central directory tell of bytes that were sent before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state after the first bytes of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many bytes were seen.
    pub offset: u64,
    /// Their CRC-32.
    pub crc32: u32,
    /// CRC-32 of the form in which they stand in the archive, where a manifest tells of it.
    pub compressed_crc32: Option<u32>,
    /// The state of SHA-256 behind them, where the descriptor declares one or a manifest tells of it.
    pub sha256: Option<Vec<u8>>,
}

/// The checksums of one source that was seen whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    /// Its CRC-32.
    pub crc32: u32,
    /// CRC-32 of what stands in the archive, where that is another form of its bytes and a manifest tells of it.
    pub compressed_crc32: Option<u32>,
    /// Its SHA-256, where a manifest tells of it.
    pub sha256: Option<[u8; 32]>,
}

/// What was seen of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its beginnings, in the order in which they were noted.
    Part(Vec<Checkpoint>),
    /// All of it, and it is what the descriptor declares.
    Whole(Checksums),
}

/// What was seen, by the entry's index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub BTreeMap<usize, Sight>);

impl Seen {
    /// The checksums of an entry that was seen whole.
    pub fn whole(&self, index: usize) -> Option<Checksums> {
        match self.0.get(&index)? {
            Sight::Part(_) => None,
            Sight::Whole(checksums) => Some(*checksums),
        }
    }

    /// The last checkpoint of an entry at or before an offset.
    pub fn before(&self, index: usize, offset: u64) -> Option<&Checkpoint> {
        match self.0.get(&index)? {
            Sight::Part(checkpoints) => {
                let before = checkpoints.iter().filter(|checkpoint| checkpoint.offset <= offset);
                before.max_by_key(|checkpoint| checkpoint.offset)
            }
            Sight::Whole(_) => None,
        }
    }

    /// Notes a checkpoint; of each entry the `most` that were noted last are kept, for a reader goes on where one was
    /// a moment ago.
    pub fn note(&mut self, index: usize, checkpoint: Checkpoint, most: usize) {
        let sight = self.0.entry(index).or_insert_with(|| Sight::Part(Vec::new()));
        if let Sight::Part(checkpoints) = sight {
            checkpoints.retain(|other| other.offset != checkpoint.offset);
            checkpoints.push(checkpoint);
            let surplus = checkpoints.len().saturating_sub(most);
            checkpoints.drain(..surplus);
        }
    }

    /// Notes that an entry was seen whole.
    pub fn note_whole(&mut self, index: usize, checksums: Checksums) {
        self.0.insert(index, Sight::Whole(checksums));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Checkpoint {
        Checkpoint { offset, crc32: offset as u32, compressed_crc32: None, sha256: None }
    }

    #[test]
    fn the_last_noted_ones_are_kept() {
        let mut seen = Seen::default();
        for offset in [80, 8, 24, 16, 24] {
            seen.note(3, at(offset), 3);
        }
        assert_eq!(seen.0[&3], Sight::Part(vec![at(8), at(16), at(24)]));
        assert_eq!(seen.before(3, 23), Some(&at(16)));
        assert_eq!((seen.before(3, 7), seen.before(2, 7), seen.whole(3)), (None, None, None));
    }

    #[test]
    fn what_was_seen_whole_stays_so() {
        let mut seen = Seen::default();
        seen.note(3, at(8), 3);
        let checksums = Checksums { crc32: 7, ..Checksums::default() };
        seen.note_whole(3, checksums);
        seen.note(3, at(16), 3);
        assert_eq!((seen.whole(3), seen.before(3, 99)), (Some(checksums), None));
    }
}

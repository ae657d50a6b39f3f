//! How much is kept of what the sources of a link told: so much that room for it can be set aside when the link is made.
//!
//! A link that was made must not fail later for want of room, so the bounds of the store count what its facts may come to,
//! not what they are.

/// The most that the facts of one entry measure, in bytes of JSON: numbers and names come to 140, and every octet of a
/// validator, which has at most 180, may have to be escaped.
const ENTRY: u64 = 512;

/// The same of what does not depend on entries, the seal included.
const FRAME: u64 = 160;

/// The most bytes that the facts of so many entries measure.
pub(super) fn most(entries: usize) -> u64 {
    FRAME + ENTRY * entries as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Facts, Head, Validator};

    const LONGEST: usize = 180;

    fn facts(entries: usize, octets: usize) -> Facts {
        let validator = Some(Validator::ETag("\\".repeat(octets)));
        let head = Head { length: Some(u64::MAX), modified: Some(i64::MIN), ranges: false, validator };
        Facts {
            compressed: vec![false; entries],
            heads: vec![Some(head); entries],
            inline_size: u64::MAX,
            time: i64::MIN,
        }
    }

    #[test]
    fn the_largest_facts_fit_into_what_is_set_aside() {
        for entries in [0, 1, 50, 2000] {
            let sealed = serde_json::to_vec(&facts(entries, LONGEST)).unwrap().len() as u64 + 28;
            assert!(sealed <= most(entries), "{sealed} of {entries}");
        }
    }
}

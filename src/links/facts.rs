//! How much is kept of what the sources of a link told: so much that room for it can be set aside when the link is made.
//!
//! A link that was made must not fail later for want of room, so the bounds of the store count what its facts may come to,
//! not what they are.

use crate::plan::{Facts, Validator};

/// Longest validator that is kept, in octets: object stores' have 34 to 70, dates 29.
const LONGEST: usize = 180;

/// The most that the facts of one entry measure, in bytes of JSON: numbers and names come to 140, and every octet of a
/// validator may have to be escaped.
const ENTRY: u64 = 512;

/// The same of what does not depend on entries, the seal included.
const FRAME: u64 = 160;

/// The most bytes that the facts of so many entries measure.
pub(super) fn most(entries: usize) -> u64 {
    FRAME + ENTRY * entries as u64
}

/// Leaves validators out that are too long: such a source counts as one without.
pub(super) fn bounded(mut facts: Facts) -> Facts {
    for head in facts.heads.iter_mut().flatten() {
        head.validator.take_if(|validator| match validator {
            Validator::ETag(text) | Validator::LastModified(text) => text.len() > LONGEST,
        });
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Head;

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
            let kept = bounded(facts(entries, LONGEST));
            assert_eq!(kept, facts(entries, LONGEST));
            let sealed = serde_json::to_vec(&kept).unwrap().len() as u64 + 28;
            assert!(sealed <= most(entries), "{sealed} of {entries}");
        }
    }

    #[test]
    fn a_longer_validator_counts_as_none() {
        let kept = bounded(facts(2, LONGEST + 1));
        assert!(kept.heads.iter().flatten().all(|head| head.validator.is_none()));
    }
}

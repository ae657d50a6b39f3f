//! What a source told about itself: the part of an answer's head that is frozen into the plan.

use serde::{Deserialize, Serialize};

/// What was learnt from a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The length of the whole source in bytes, where it told one.
    pub length: Option<u64>,
    /// `Last-Modified` in Unix seconds.
    pub modified: Option<i64>,
    /// Whether the source answers byte ranges.
    pub ranges: bool,
    /// What proves that two answers are of the same bytes.
    pub validator: Option<Validator>,
}

impl Head {
    /// Whether a body that broke can be continued from another answer (RFC 9110 §13.1.1, §14).
    pub fn is_resumable(&self) -> bool {
        self.ranges && self.validator.is_some() && self.length.is_some()
    }

    /// Whether `other` is of the same bytes, as far as either tells.
    pub fn agrees_with(&self, other: &Head) -> bool {
        let lengths = match (self.length, other.length) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        let validators = match (&self.validator, &other.validator) {
            (Some(one), Some(two)) => one == two,
            (None, None) => true,
            // An answer that lost its validator cannot be told from another version.
            (Some(_), None) => false,
            (None, Some(_)) => true,
        };
        lengths && validators
    }
}

/// A strong validator (RFC 9110 §8.8.1): equal ones mean equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Validator {
    /// A strong entity tag, with its quotes, for `If-Match`.
    ETag(String),
    /// A `Last-Modified` at least a minute older than the answer's `Date`, as it came, for
    /// `If-Unmodified-Since`; only where there is no entity tag at all.
    LastModified(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(length: Option<u64>, tag: Option<&str>) -> Head {
        Head { length, ranges: true, validator: tag.map(|tag| Validator::ETag(tag.into())), modified: None }
    }

    #[test]
    fn another_length_or_validator_is_another_source() {
        let first = head(Some(5), Some("\"a\""));
        assert!(first.agrees_with(&first.clone()));
        assert!(first.agrees_with(&head(None, Some("\"a\""))));
        assert!(!first.agrees_with(&head(Some(6), Some("\"a\""))));
        assert!(!first.agrees_with(&head(Some(5), Some("\"b\""))));
        assert!(!first.agrees_with(&head(Some(5), None)));
        assert!(head(Some(5), None).agrees_with(&first));
    }

    #[test]
    fn without_length_validator_or_ranges_nothing_is_resumed() {
        assert!(head(Some(5), Some("\"a\"")).is_resumable());
        assert!(!head(None, Some("\"a\"")).is_resumable());
        assert!(!head(Some(5), None).is_resumable());
        assert!(!Head { ranges: false, ..head(Some(5), Some("\"a\"")) }.is_resumable());
    }
}

//! `Content-Range` (RFC 9110 §14.4), read strictly: a range misread is a file bent.

/// A parsed `Content-Range` of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentRange {
    /// `bytes first-last/total`, of a 206; `total` is `None` for `*`.
    Part {
        /// The first byte's position.
        first: u64,
        /// The last byte's position, inclusive.
        last: u64,
        /// The whole's length.
        total: Option<u64>,
    },
    /// `bytes */total`, of a 416.
    Unsatisfied {
        /// The whole's length.
        total: u64,
    },
}

impl ContentRange {
    /// Parses a header's value; `None` for anything that is not exactly the RFC's form.
    pub(super) fn parse(value: &[u8]) -> Option<ContentRange> {
        let value = std::str::from_utf8(value).ok()?;
        let (unit, value) = value.trim_matches([' ', '\t']).split_once(' ')?;
        let (range, total) = value.split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        if range == "*" {
            return Some(ContentRange::Unsatisfied { total: number(total)? });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" { None } else { Some(number(total)?) };
        // `last` is below `total`, so `last + 1` cannot overflow where there is one.
        let sound = first <= last && last < total.unwrap_or(u64::MAX);
        sound.then_some(ContentRange::Part { first, last, total })
    }
}

/// Digits only: `str::parse` would take a sign too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_forms_of_the_rfc_and_no_other() {
        let part = |first, last, total| Some(ContentRange::Part { first, last, total });
        for (text, expected) in [
            ("bytes 0-0/1", part(0, 0, Some(1))),
            ("Bytes 5-9/10", part(5, 9, Some(10))),
            ("bytes 0-9/*", part(0, 9, None)),
            ("bytes */0", Some(ContentRange::Unsatisfied { total: 0 })),
            ("bytes */*", None),
            ("bytes 0-9", None),
            ("bytes 9-0/10", None),
            ("bytes 0-10/10", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes +0-9/10", None),
            ("bytes -9/10", None),
            ("bytes 0-9/99999999999999999999", None),
            ("bytes=0-9/10", None),
            ("items 0-9/10", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_reads_an_impossible_range(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            check(&value);
        }

        #[test]
        fn near_misses_are_sound_too(value in "bytes [0-9*+-]{0,22}-?[0-9]{0,21}/[0-9*]{0,21}") {
            check(value.as_bytes());
        }
    }

    fn check(value: &[u8]) {
        if let Some(ContentRange::Part { first, last, total }) = ContentRange::parse(value) {
            assert!(first <= last && total.is_none_or(|total| last < total));
        }
    }
}

//! What a GET or HEAD asks for beside the path: a part, or an answer only if something holds (RFC 9110 §13, §14).
//!
//! `If-Unmodified-Since` and `If-Modified-Since` are not heeded: an archive has no modification time of its own.

use std::ops::Range;

use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange};
use http::{
    HeaderMap,
    header::{IF_MATCH, IF_RANGE, RANGE},
};

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The client has it: 304.
    Known,
    /// It is not what the client has part of: 412.
    Other,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Bytes behind the end: 416.
    Unsatisfiable,
    /// All of it: 200.
    Whole,
}

/// Reads the request's headers in the order of RFC 9110 §13.2.2; `archive` is the tag and the length of one that can
/// be had in parts.
pub(super) fn asked(headers: &HeaderMap, archive: Option<(&str, u64)>) -> Asked {
    let etag = archive.and_then(|(etag, _)| etag.parse::<ETag>().ok());
    if headers.contains_key(IF_MATCH) {
        let holds = |condition: IfMatch| match &etag {
            Some(etag) => condition.precondition_passes(etag),
            None => condition.is_any(),
        };
        // One that cannot be read is met by nothing.
        if !headers.typed_get::<IfMatch>().is_some_and(holds) {
            return Asked::Other;
        }
    }
    if let (Some(condition), Some(etag)) = (headers.typed_get::<IfNoneMatch>(), &etag)
        && !condition.precondition_passes(etag)
    {
        return Asked::Known;
    }
    let (Some(etag), Some((_, length))) = (etag, archive) else { return Asked::Whole };
    // One that cannot be read holds for nothing: a part of another archive would be joined to this one.
    if headers.contains_key(IF_RANGE)
        && headers.typed_get::<IfRange>().is_none_or(|condition| condition.is_modified(Some(&etag), None))
    {
        return Asked::Whole;
    }
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|range| range.to_str().ok()), ranges.next()) {
        (Some(text), None) => part(text, length),
        _ => Asked::Whole,
    }
}

/// Reads `Range`. One that is no single sound range of bytes is answered as if there were none (RFC 9110 §14.2).
fn part(text: &str, length: u64) -> Asked {
    let Some((unit, spec)) = text.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let window = match (position(first), position(last)) {
        (Some(None), Some(Some(suffix))) => length.saturating_sub(suffix)..length,
        (Some(Some(first)), Some(None)) => first..length,
        (Some(Some(first)), Some(Some(last))) if first <= last => first..last.saturating_add(1).min(length),
        _ => return Asked::Whole,
    };
    if window.is_empty() { Asked::Unsatisfiable } else { Asked::Part(window) }
}

/// Reads digits: nothing where there are none, `None` where there is something else. What no length reaches is the
/// greatest number.
fn position(digits: &str) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| Some(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn answer(pairs: &[(&'static str, &str)]) -> Asked {
        let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        asked(&pairs.collect(), Some((TAG, 1000)))
    }

    #[test]
    fn ranges_are_clamped_and_odd_ones_ignored() {
        for (text, expected) in [
            ("bytes=0-", Asked::Part(0..1000)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("Bytes=999-5000", Asked::Part(999..1000)),
            ("bytes=-7", Asked::Part(993..1000)),
            ("bytes=-5000", Asked::Part(0..1000)),
            ("bytes=0-99999999999999999999999", Asked::Part(0..1000)),
            ("bytes=1000-", Asked::Unsatisfiable),
            ("bytes=99999999999999999999999-", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=0-1,5-6", Asked::Whole),
            ("bytes=5-4", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes 0-1", Asked::Whole),
            ("lines=0-1", Asked::Whole),
        ] {
            assert_eq!(answer(&[("range", text)]), expected, "{text}");
        }
    }

    #[test]
    fn conditions_are_judged_before_ranges() {
        let range = ("range", "bytes=0-9");
        for (name, value, expected) in [
            ("if-match", TAG, Asked::Part(0..10)),
            ("if-match", "*", Asked::Part(0..10)),
            ("if-match", "\"x\", \"abc\"", Asked::Part(0..10)),
            ("if-match", "\"x\"", Asked::Other),
            ("if-match", "W/\"abc\"", Asked::Other),
            ("if-match", "abc", Asked::Other),
            ("if-none-match", TAG, Asked::Known),
            ("if-none-match", "W/\"abc\"", Asked::Known),
            ("if-none-match", "*", Asked::Known),
            ("if-none-match", "\"x\"", Asked::Part(0..10)),
            ("if-range", TAG, Asked::Part(0..10)),
            ("if-range", "\"x\"", Asked::Whole),
            ("if-range", "W/\"abc\"", Asked::Whole),
            ("if-range", "abc", Asked::Whole),
            ("if-range", "Mon, 02 Feb 2026 10:00:00 GMT", Asked::Whole),
        ] {
            assert_eq!(answer(&[range, (name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn an_archive_without_a_tag_comes_whole() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
        };
        assert_eq!(asked(&headers("range", "bytes=0-9"), None), Asked::Whole);
        assert_eq!(asked(&headers("if-none-match", "*"), None), Asked::Whole);
        assert_eq!(asked(&headers("if-match", "*"), None), Asked::Whole);
        assert_eq!(asked(&headers("if-match", TAG), None), Asked::Other);
    }
}

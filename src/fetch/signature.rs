//! When a signed URL ceases to be good for new requests, as the URL itself tells it.
//!
//! One request goes on past that moment, several do not: what would be read longer than its URL is good for must be asked
//! for once, in time.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

/// The moment in Unix seconds; `None` where the URL tells none.
pub(super) fn expiry(url: &Url) -> Option<i64> {
    let value = |wanted: &str| {
        let mut pairs = url.query_pairs();
        pairs.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
    };
    // AWS Signature Version 4, and Google's of the same kind: from a moment, for so many seconds.
    for (date, seconds) in [("X-Amz-Date", "X-Amz-Expires"), ("X-Goog-Date", "X-Goog-Expires")] {
        if let (Some(date), Some(seconds)) = (value(date), value(seconds)) {
            return basic(&date)?.checked_add(seconds.parse().ok()?);
        }
    }
    // Azure's shared access signatures: until a moment.
    if let (Some(until), Some(_)) = (value("se"), value("sig")) {
        return OffsetDateTime::parse(&until, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
    }
    // AWS Signature Version 2 and its kin, CloudFront: until so many Unix seconds.
    value("Expires")?.parse().ok()
}

/// Reads a time in the basic form of ISO 8601, as `20261120T230000Z`.
fn basic(text: &str) -> Option<i64> {
    let part = |from, to| text.get(from..to);
    let (date, time) =
        ((part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(9, 11)?, part(11, 13)?, part(13, 15)?));
    let text = format!("{}-{}-{}T{}:{}:{}{}", date.0, date.1, date.2, time.0, time.1, time.2, part(15, 16)?);
    OffsetDateTime::parse(&text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_signatures_tell_when_they_end() {
        for (query, expected) in [
            ("X-Amz-Date=20261120T230000Z&X-Amz-Expires=3600&X-Amz-Signature=a", Some(1_795_219_200)),
            ("x-goog-expires=60&x-goog-date=20261120T230000Z", Some(1_795_215_660)),
            ("sv=1&se=2026-11-20T23%3A00%3A00Z&sig=b", Some(1_795_215_600)),
            ("Expires=1795215600&Signature=c&AWSAccessKeyId=d", Some(1_795_215_600)),
            ("se=2026-11-20T23%3A00%3A00Z", None),
            ("X-Amz-Date=20261120&X-Amz-Expires=3600", None),
            ("X-Amz-Date=2026112\u{e9}T230000Z&X-Amz-Expires=3600", None),
            ("X-Amz-Date=20261120T230000Z&X-Amz-Expires=never", None),
            ("", None),
        ] {
            let url = Url::parse(&format!("https://bucket.example/a?{query}")).unwrap();
            assert_eq!(expiry(&url), expected, "{query}");
        }
    }
}

//! When a presigned URL ends, read from its query: AWS (Signature Version 4 and 2, CloudFront), Google, Azure.
//!
//! A request that was answered goes on past that moment, later ones are refused. Whatever is not exactly of a signer's
//! form says nothing: here is no place for guesses. Temporary credentials may end before their signatures do, which no
//! URL tells.

use http::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::value;

use super::Error;

/// How stores refuse a URL whose signature has ended: Azure, AWS and Google with 403, Google's older ones with 400.
const REFUSALS: [StatusCode; 3] = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];

/// Finds the end of a URL's signature, in Unix seconds; the earliest where it has several.
pub fn signature_end(url: &Url) -> Option<i64> {
    // Names are compared as AWS does, without regard to case.
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let dated = |date: &str, expires: &str| basic(&value(date)?)?.checked_add(seconds(&value(expires)?)?);
    let ends = [
        dated("X-Amz-Date", "X-Amz-Expires"),
        dated("X-Goog-Date", "X-Goog-Expires"),
        // Other URLs have parameters of these names too; with a signature beside them they are meant.
        value("Signature").and_then(|_| seconds(&value("Expires")?)),
        value("sig").and_then(|_| extended(&value("se")?)),
    ];
    ends.into_iter().flatten().min()
}

/// Tells of a refusal that its URL's signature had ended, where it had by `now`.
pub(super) fn explained(error: Error, url: &Url, now: i64) -> Error {
    let status = match error {
        Error::Status { status, .. } if REFUSALS.contains(&status) => status,
        error => return error,
    };
    match signature_end(url).filter(|end| *end <= now).and_then(value::rfc3339) {
        Some(ended) => Error::Lapsed { status, ended },
        None => error,
    }
}

/// Reads digits.
fn seconds(text: &str) -> Option<i64> {
    // A sign would be read too.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads ISO 8601's basic form: `20261120T100000Z`.
fn basic(text: &str) -> Option<i64> {
    let digits = |octets: &[u8]| octets.iter().all(u8::is_ascii_digit);
    match text.as_bytes() {
        [date @ .., b'T', _, _, _, _, _, _, b'Z']
            if date.len() == 8 && digits(date) && digits(&text.as_bytes()[9..15]) =>
        {
            let (date, time) = (&text[..8], &text[9..15]);
            extended(&format!(
                "{}-{}-{}T{}:{}:{}Z",
                &date[..4],
                &date[4..6],
                &date[6..],
                &time[..2],
                &time[2..4],
                &time[4..]
            ))
        }
        _ => None,
    }
}

/// Reads the forms of ISO 8601 that Azure takes: `2026-11-20`, `2026-11-20T10:00Z`, `2026-11-20T10:00:00Z`, with an
/// offset or a fraction too.
fn extended(text: &str) -> Option<i64> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
    // The seconds stand at 16, where they stand.
    match (text.is_ascii(), text.as_bytes().get(16)) {
        (false, _) => None,
        (true, Some(b':')) => parse(text),
        (true, Some(_)) => parse(&format!("{}:00{}", &text[..16], &text[16..])),
        (true, None) if text.len() == 10 => parse(&format!("{text}T00:00:00Z")),
        (true, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-20T10:00:00Z
    const TEN: i64 = 1_795_168_800;

    fn of_query(query: &str) -> Option<i64> {
        signature_end(&Url::parse(&format!("https://a.example/b?{query}")).unwrap())
    }

    #[test]
    fn reads_every_signers_form() {
        for (query, end) in [
            ("X-Amz-Date=20261120T100000Z&X-Amz-Expires=3600", Some(TEN + 3600)),
            ("x-amz-expires=0&x-amz-date=20261120T100000Z", Some(TEN)),
            ("X-Goog-Date=20261120T100000Z&X-Goog-Expires=604800&X-Goog-Signature=a", Some(TEN + 604_800)),
            ("AWSAccessKeyId=A&Expires=1795168800&Signature=b%2Bc", Some(TEN)),
            ("sv=2025-01-05&se=2026-11-20T10%3A00%3A00Z&sig=x", Some(TEN)),
            ("se=2026-11-20T10:00Z&sig=x", Some(TEN)),
            ("se=2026-11-20T12:00%2B02:00&sig=x", Some(TEN)),
            ("se=2026-11-20T10:00:00.5000000Z&sig=x", Some(TEN)),
            ("se=2026-11-20&sig=x", Some(TEN - 36_000)),
            ("X-Amz-Date=20261120T100000Z&X-Amz-Expires=9&Expires=1795168800&Signature=b", Some(TEN)),
            // Not signed, or no forms of a signer.
            ("Expires=1795168800", None),
            ("se=2026-11-20T10:00Z", None),
            ("X-Amz-Expires=3600", None),
            ("X-Amz-Date=20261120T100000Z", None),
            ("X-Amz-Date=20261120T100000Z&X-Amz-Expires=-1", None),
            ("X-Amz-Date=20261120T100000Z&X-Amz-Expires=99999999999999999999", None),
            ("X-Amz-Date=20261120T100000Z&X-Amz-Expires=9223372036854775807", None),
            ("X-Amz-Date=20261320T100000Z&X-Amz-Expires=1", None),
            ("X-Amz-Date=2026-1-2T100000Z&X-Amz-Expires=1", None),
            ("X-Amz-Date=&X-Amz-Expires=&Expires=&Signature=&se=&sig=", None),
        ] {
            assert_eq!(of_query(query), end, "{query}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_without_a_panic(date in "\\PC{0,24}", near in "[0-9TZ:+.é-]{0,30}") {
            for value in [&date, &near] {
                let mut url = Url::parse("https://a.example/").unwrap();
                for name in ["X-Amz-Date", "X-Amz-Expires", "X-Goog-Date", "Expires", "Signature", "se", "sig"] {
                    url.query_pairs_mut().append_pair(name, value);
                }
                signature_end(&url);
                basic(value);
                extended(value);
                seconds(value);
            }
        }
    }
}

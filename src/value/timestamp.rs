//! Points in time as the interface writes them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes Unix seconds as RFC 3339 does, in UTC: `2026-11-19T23:00:00Z`; `None` outside the years 0 to 9999.
pub fn rfc3339(unix: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_the_format_holds() {
        assert_eq!(rfc3339(1_795_129_200).as_deref(), Some("2026-11-19T23:00:00Z"));
        assert_eq!(rfc3339(-1).as_deref(), Some("1969-12-31T23:59:59Z"));
        for far in [i64::MIN, -99_999_999_999, 253_402_300_800, i64::MAX] {
            assert_eq!(rfc3339(far), None, "{far}");
        }
    }
}

//! What else an entry carries: its modification time and its permissions.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Error;
use super::raw::Node;
use crate::value::rfc3339;

/// The permissions of a file that was given none: `rw-r--r--`.
pub(super) const FILE_MODE: u16 = 0o644;

/// The permissions of a directory that was given none: `rwxr-xr-x`.
pub(super) const DIRECTORY_MODE: u16 = 0o755;

/// Reads a time as RFC 3339 says, in Unix seconds; a fraction is dropped, for no field of the archive holds it.
pub(super) fn parse_last_modified(node: &Node<'_>) -> Result<i64, Error> {
    let text = node.as_str().ok_or(Error::LastModified)?;
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Error::LastModified)?;
    // In UTC it may lie outside the years that can be written.
    let unix = time.unix_timestamp();
    if rfc3339(unix).is_some() { Ok(unix) } else { Err(Error::LastModified) }
}

/// Reads permissions in octal: `0644` or `644`. No set-uid, set-gid or sticky bit: extracting must not grant rights.
pub(super) fn parse_mode(node: &Node<'_>) -> Result<u16, Error> {
    let text = node.as_str().ok_or(Error::Mode)?;
    let digits = if text.len() == 4 { text.strip_prefix('0') } else { Some(text) };
    match digits.map(str::as_bytes) {
        Some(&[owner @ b'0'..=b'7', group @ b'0'..=b'7', others @ b'0'..=b'7']) => {
            Ok([owner, group, others].iter().fold(0, |mode, digit| mode << 3 | u16::from(digit - b'0')))
        }
        _ => Err(Error::Mode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a JSON text with one of the readers.
    fn read<T>(json: &str, parse: fn(&Node<'_>) -> Result<T, Error>) -> Option<T> {
        parse(&Node::parse(json.as_bytes()).unwrap()).ok()
    }

    #[test]
    fn reads_times() {
        for (json, seconds) in [
            ("\"1970-01-01T00:00:00Z\"", 0),
            ("\"2026-11-19T23:00:00Z\"", 1_795_129_200),
            ("\"2026-11-20T00:00:00.999+01:00\"", 1_795_129_200),
            ("\"1969-12-31T23:59:59Z\"", -1),
        ] {
            assert_eq!(read(json, parse_last_modified), Some(seconds), "{json}");
        }
        for json in [
            "\"2026-11-19\"",
            "\"2026-02-30T00:00:00Z\"",
            "\"9999-12-31T23:59:59-05:00\"",
            "\"0000-01-01T00:00:00+01:00\"",
            "\"\"",
            "1795129200",
        ] {
            assert_eq!(read(json, parse_last_modified), None, "{json}");
        }
    }

    #[test]
    fn reads_permissions() {
        for (json, mode) in [("\"0644\"", 0o644), ("\"755\"", 0o755), ("\"0000\"", 0), ("\"0777\"", 0o777)] {
            assert_eq!(read(json, parse_mode), Some(mode), "{json}");
        }
        for json in [
            "\"4755\"",
            "\"1777\"",
            "\"0844\"",
            "\"0484\"",
            "\"0448\"",
            "\"44\"",
            "\"00644\"",
            "\"0o644\"",
            "\"+644\"",
            "644",
        ] {
            assert_eq!(read(json, parse_mode), None, "{json}");
        }
    }
}

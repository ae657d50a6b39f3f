//! A number of bytes, written as people write it: `5GB`, `1MiB`, `65536`.
//!
//! Wraps the parser of `bytesize`, whose own printing rounds (`4.9 GiB`): a limit must print exactly.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// The text is not a size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size in bytes, such as 65536, 1MiB or 5GB")]
pub struct ParseByteSizeError;

/// The units that are printed, greatest first: the one that divides a size without a rest is taken.
const UNITS: [(u64, &str); 12] = [
    (1 << 60, "EiB"),
    (1_000_000_000_000_000_000, "EB"),
    (1 << 50, "PiB"),
    (1_000_000_000_000_000, "PB"),
    (1 << 40, "TiB"),
    (1_000_000_000_000, "TB"),
    (1 << 30, "GiB"),
    (1_000_000_000, "GB"),
    (1 << 20, "MiB"),
    (1_000_000, "MB"),
    (1 << 10, "KiB"),
    (1_000, "kB"),
];

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    /// Reads digits with an optional decimal (`MB`) or binary (`MiB`) unit.
    ///
    /// # Errors
    /// When the text is no number, its unit is unknown, or it exceeds 64 bits.
    fn from_str(text: &str) -> Result<ByteSize, ParseByteSizeError> {
        let size: bytesize::ByteSize = text.trim().parse().map_err(|_| ParseByteSizeError)?;
        // The parser saturates, and a limit that was mistyped by a thousand must not become "none".
        let overflown = size.as_u64() == u64::MAX && text.trim() != u64::MAX.to_string();
        if overflown { Err(ParseByteSizeError) } else { Ok(ByteSize(size.as_u64())) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        deserializer.deserialize_any(ByteSizeVisitor)
    }
}

/// Reads a size from a text or a plain integer.
struct ByteSizeVisitor;

impl Visitor<'_> for ByteSizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size in bytes, such as 65536, \"1MiB\" or \"5GB\"")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ByteSize, E> {
        u64::try_from(value).map(ByteSize).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_the_same_size() {
        for (text, bytes, printed) in [
            ("0", 0, "0"),
            ("5GB", 5_000_000_000, "5GB"),
            ("1MiB", 1 << 20, "1MiB"),
            (" 16 mib ", 16 << 20, "16MiB"),
            ("65537", 65_537, "65537"),
            ("1.5GB", 1_500_000_000, "1500MB"),
            ("18446744073709551615", u64::MAX, "18446744073709551615"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
            assert_eq!(printed.parse(), Ok(size));
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "GB", "-1", "5 apples", "99EB", "18446744073709551616", "NaN"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ParseByteSizeError), "{text}");
        }
    }

    #[test]
    fn reads_integers_and_texts_from_a_document() {
        let read = |json| serde_json::from_str::<Vec<ByteSize>>(json).ok();
        assert_eq!(read(r#"[7, "1KiB"]"#), Some(vec![ByteSize(7), ByteSize(1024)]));
        assert_eq!(read("[-1]"), None);
        assert_eq!(read("[1.5]"), None);
    }
}

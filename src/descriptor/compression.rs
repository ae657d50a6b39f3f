//! How an entry's data is to be compressed: what a client may ask for.

use super::Error;
use super::raw::{Node, Value};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// DEFLATE, unless the data is compressed already.
    Auto,
    /// DEFLATE.
    Deflate,
    /// The bytes as they are.
    Store,
}

/// How much time is spent on making DEFLATE's data smaller: 1, the fastest, to 9, the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// The fastest.
    pub const FASTEST: Level = Level(1);
    /// The smallest data.
    pub const SMALLEST: Level = Level(9);

    /// Makes a level of a number from 1 to 9.
    pub fn new(number: u8) -> Option<Level> {
        (Level::FASTEST..=Level::SMALLEST).contains(&Level(number)).then_some(Level(number))
    }

    /// Returns the number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Default for Level {
    /// Where most of the gain is had at moderate cost; zlib's default too.
    fn default() -> Level {
        Level(6)
    }
}

/// Reads `compression`, in any case.
pub(super) fn parse_compression(node: &Node<'_>) -> Result<Compression, Error> {
    let named = |name: &str| node.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
    let known =
        [("AUTO", Compression::Auto), ("DEFLATE", Compression::Deflate), ("STORE", Compression::Store)];
    known
        .into_iter()
        .find_map(|(name, compression)| named(name).then_some(compression))
        .ok_or(Error::Compression)
}

/// Reads `compressionLevel`.
pub(super) fn parse_level(node: &Node<'_>) -> Result<Level, Error> {
    let Value::Unsigned(number) = node.value else { return Err(Error::CompressionLevel) };
    u8::try_from(number).ok().and_then(Level::new).ok_or(Error::CompressionLevel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_levels() {
        let read = |json: &str| parse_level(&Node::parse(json.as_bytes()).unwrap()).ok().map(Level::number);
        for (json, level) in [("1", 1), ("6", 6), ("9", 9)] {
            assert_eq!(read(json), Some(level), "{json}");
        }
        for json in ["0", "10", "257", "-1", "6.0", "1e0", "\"6\"", "true", "[6]", "18446744073709551616"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn reads_compressions() {
        let read = |json: &str| parse_compression(&Node::parse(json.as_bytes()).unwrap()).ok();
        for json in ["\"AUTO\"", "\"auto\"", "\"Auto\""] {
            assert_eq!(read(json), Some(Compression::Auto), "{json}");
        }
        for json in ["\"AUTO \"", "\"BEST\"", "\"\"", "8", "true"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}

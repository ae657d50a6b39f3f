//! The name of an entry: a path that means the same file on every system, and none outside the target directory.
//!
//! Nothing is repaired: a name that was changed silently is a file that its owner does not find again. What only
//! Windows cannot hold is refused on request (`portableNames`), because object keys with times in them are common.

use std::fmt;

use super::Error;
use super::invisible;

/// The longest name, in octets: beyond it extractors on common systems fail.
const MAX_OCTETS: usize = 1024;

/// The longest segment, in octets: what the file systems of Linux, macOS and Windows hold.
const MAX_SEGMENT_OCTETS: usize = 255;

/// A legal entry name: relative, `/`-separated; ends in `/` exactly when it names a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryName(String);

/// Why Windows cannot hold a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unportable {
    /// A name that it reads as a device.
    #[error("the name has a segment that is a device on Windows")]
    Device,
    /// A name that it cuts.
    #[error("the name has a segment that ends in a dot or space, which Windows cuts")]
    End,
    /// A character that it has not in names.
    #[error("the name holds `{0}`, which Windows does not allow")]
    Reserved(char),
}

impl EntryName {
    /// Checks a `zipPath`.
    ///
    /// # Errors
    /// When the name is empty, absolute or too long, has segments such as `..`, backslashes, a drive, control or
    /// invisible characters.
    pub fn parse(text: &str) -> Result<EntryName, Error> {
        if text.is_empty() {
            return Err(Error::NameEmpty);
        }
        if text.len() > MAX_OCTETS {
            return Err(Error::NameTooLong { limit: MAX_OCTETS });
        }
        if text.starts_with('/') {
            return Err(Error::NameAbsolute);
        }
        if text.contains('\\') {
            return Err(Error::NameBackslash);
        }
        if text.chars().any(char::is_control) {
            return Err(Error::NameControl);
        }
        if let Some(char) = invisible::find(text) {
            return Err(Error::NameInvisible(char));
        }
        if has_drive(text) {
            return Err(Error::NameDrive);
        }
        segments(text).try_for_each(check_segment)?;
        Ok(EntryName(text.to_owned()))
    }

    /// Checks that Windows can hold the name too.
    ///
    /// # Errors
    /// When it has reserved characters, device names, or segments that end in a dot or space.
    pub fn check_portable(&self) -> Result<(), Unportable> {
        self.segments().try_for_each(check_portable_segment)
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether it names a directory.
    pub fn is_directory(&self) -> bool {
        self.0.ends_with('/')
    }

    /// Returns the directories on the way, and the last part.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.0)
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits a name; the slash at the end of a directory's name begins no segment.
fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.strip_suffix('/').unwrap_or(text).split('/')
}

/// Tells whether the first segment is a drive. `x:y` is none: keys with a time in them look like this.
fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':'] | [letter, b':', b'/', ..] if letter.is_ascii_alphabetic())
}

/// Checks a segment. Systems that drop trailing dots and spaces read `.. ` as `..`, so all of that kind is refused;
/// behind a drive too, for `C:..` is a parent directory to Windows and whoever joins paths on it.
fn check_segment(segment: &str) -> Result<(), Error> {
    if segment.is_empty() {
        return Err(Error::NameEmptySegment);
    }
    if segment.len() > MAX_SEGMENT_OCTETS {
        return Err(Error::SegmentTooLong { limit: MAX_SEGMENT_OCTETS });
    }
    if without_drives(segment).chars().all(|char| char == '.' || char.is_whitespace()) {
        return Err(Error::NameDots);
    }
    Ok(())
}

/// Returns what follows the drives that a segment begins with: `..` of `C:..`.
fn without_drives(mut segment: &str) -> &str {
    while let [letter, b':', ..] = segment.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        segment = &segment[2..];
    }
    segment
}

/// Checks a segment against the rules of Windows ("Naming Files, Paths, and Namespaces").
fn check_portable_segment(segment: &str) -> Result<(), Unportable> {
    if let Some(char) = segment.chars().find(|char| matches!(char, '<' | '>' | ':' | '"' | '|' | '?' | '*')) {
        return Err(Unportable::Reserved(char));
    }
    if segment.ends_with(['.', ' ']) {
        return Err(Unportable::End);
    }
    // A device is recognised whatever extension follows, and through spaces before it.
    let stem = segment.split('.').next().unwrap_or(segment).trim_end_matches(' ');
    if is_device(&stem.to_ascii_uppercase()) { Err(Unportable::Device) } else { Ok(()) }
}

/// Tells whether a stem in capitals is a device.
fn is_device(stem: &str) -> bool {
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let mut number = port.unwrap_or_default().chars();
    let numbered = matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None));
    numbered || matches!(stem, "CON" | "PRN" | "AUX" | "NUL" | "CLOCK$" | "CONIN$" | "CONOUT$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_lawful_names_as_they_are() {
        for text in
            ["a", "a/b/", ".hidden", "..a", "a...b", "a b/c", "@x", "x:y", "2026-11-20T10:00:00Z", "雪/🏳️‍🌈"]
        {
            assert_eq!(EntryName::parse(text).unwrap().as_str(), text);
        }
        let long = format!("{}/{}", "é".repeat(127), "n".repeat(255));
        assert!(EntryName::parse(&long).is_ok());
    }

    #[test]
    fn refuses_names_that_lead_elsewhere() {
        for text in [
            "",
            "/",
            "/a",
            "..",
            "../a",
            "a/..",
            ".",
            "a/./b",
            "a//b",
            "a//",
            "//h/s",
            "a\\b",
            "C:",
            "c:/x",
            " ",
            ".. /a",
            "...",
            "a\u{0}",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "\u{202e}a",
            "a\u{200b}",
        ] {
            assert!(EntryName::parse(text).is_err(), "{text:?}");
        }
        assert!(EntryName::parse(&"é".repeat(128)).is_err());
        assert!(EntryName::parse(&"abc/".repeat(257)).is_err());
        assert!(EntryName::parse(&"abc/".repeat(256)).is_ok());
    }

    #[test]
    fn portable_names_are_those_that_windows_holds() {
        let portable = |text| EntryName::parse(text).unwrap().check_portable().is_ok();
        for text in ["a", "console.txt", "com", "com10", "COM¹²", "nul_/x", "a.b/", "auxiliary"] {
            assert!(portable(text), "{text}");
        }
        for text in [
            "con",
            "a/NUL.tar.gz",
            "Lpt9.log",
            "com²",
            "aux .txt",
            "x.",
            "x /y",
            "a|b",
            "x:y",
            "t/a?",
            "CONIN$",
        ] {
            assert!(!portable(text), "{text}");
        }
    }
}

//! The name the archive is saved under, and the `Content-Disposition` that says it.
//!
//! Names come from users of our clients, so most of them are made lawful instead of refused: it is a suggestion.
//! Only control characters are refused, for who sends them attempts to write headers.
//! Old clients read `filename` (ASCII), others `filename*` (RFC 8187); both are always sent, as RFC 6266 advises.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Error;
use super::invisible;

/// The name of an archive that was given none.
const DEFAULT: &str = "archive.zip";

/// What every name ends in.
const EXTENSION: &str = ".zip";

/// The longest name, in octets: what file systems hold.
const MAX_OCTETS: usize = 255;

/// What is percent-encoded in `filename*`: all but attr-char (RFC 8187, 3.2.1).
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A lawful name of an archive; ends in `.zip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filename(String);

impl Filename {
    /// Makes a lawful name of a suggested one: its last path component, without invisible characters, with `_` for
    /// what systems reserve, at most 255 octets. A name of which nothing is left becomes the default.
    ///
    /// # Errors
    /// [`Error::FilenameControl`] when it holds control characters.
    pub fn parse(suggested: &str) -> Result<Filename, Error> {
        if suggested.chars().any(char::is_control) {
            return Err(Error::FilenameControl);
        }
        let component = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
        let lawful = component.replace(['<', '>', ':', '|', '?', '*'], "_");
        Ok(Filename::from_visible(invisible::without(&lawful).trim()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value of the `Content-Disposition` header.
    pub fn content_disposition(&self) -> HeaderValue {
        let fallback: String = self.0.chars().map(fallback_char).collect();
        let encoded = utf8_percent_encode(&self.0, NOT_ATTR_CHAR);
        let value = format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}");
        // Visible ASCII only, by the two encodings above: the conversion cannot fail.
        HeaderValue::try_from(value)
            .unwrap_or(HeaderValue::from_static("attachment; filename=\"archive.zip\""))
    }

    /// Gives the name its extension and length.
    fn from_visible(name: &str) -> Filename {
        let cut = name
            .len()
            .checked_sub(EXTENSION.len())
            .filter(|&at| name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(EXTENSION));
        let (stem, extension) = cut.map_or((name, EXTENSION), |at| name.split_at(at));
        let mut end = stem.len().min(MAX_OCTETS - EXTENSION.len());
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        // The cut may have parted an emoji from what holds it together.
        let stem = invisible::without(&stem[..end]);
        let stem = stem.trim_end();
        if stem.chars().all(|char| char == '.' || char.is_whitespace()) {
            return Filename::default();
        }
        Filename(format!("{stem}{extension}"))
    }
}

impl Default for Filename {
    fn default() -> Filename {
        Filename(DEFAULT.to_owned())
    }
}

/// Replaces what does not belong into a quoted string; `%` too, for some clients decode it there (RFC 6266, D).
fn fallback_char(char: char) -> char {
    match char {
        '"' | '\\' | '%' => '_',
        ' '..='~' => char,
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_lawful_names() {
        let long = "é".repeat(200);
        for (suggested, name) in [
            ("backup.zip", "backup.zip"),
            ("backup", "backup.zip"),
            ("B.ZIP", "B.ZIP"),
            ("C:\\x\\y.zip", "y.zip"),
            ("a/b", "b.zip"),
            ("a/", "archive.zip"),
            ("", "archive.zip"),
            (" .zip", "archive.zip"),
            (".zip", "archive.zip"),
            ("..", "archive.zip"),
            ("a<b>:c?.zip", "a_b__c_.zip"),
            ("gpj\u{202e}piz.exe", "gpjpiz.exe.zip"),
            (long.as_str(), &format!("{}.zip", "é".repeat(125))),
        ] {
            assert_eq!(Filename::parse(suggested).unwrap().as_str(), name, "{suggested}");
        }
        for suggested in ["a\r\nX: 1", "a\0", "a\u{85}"] {
            assert!(Filename::parse(suggested).is_err(), "{suggested:?}");
        }
    }

    #[test]
    fn says_the_name_in_both_forms() {
        for (suggested, value) in [
            ("雪.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%E9%9B%AA.zip"),
            ("100%.zip", "attachment; filename=\"100_.zip\"; filename*=UTF-8''100%25.zip"),
            ("a\"b.zip", "attachment; filename=\"a_b.zip\"; filename*=UTF-8''a%22b.zip"),
            ("it's (1)", "attachment; filename=\"it's (1).zip\"; filename*=UTF-8''it%27s%20%281%29.zip"),
        ] {
            assert_eq!(Filename::parse(suggested).unwrap().content_disposition(), value);
        }
    }
}

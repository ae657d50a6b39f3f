//! From a URL's text to a URL, before anything is judged.
//!
//! The WHATWG parser forgives: it drops tabs and line feeds wherever they stand, reads a backslash as a slash, adds slashes
//! and takes invisible characters out of a host. Other parsers do not, and an attack lives off two readers of one text who
//! see different hosts (`http://a\@b/`). What only forgiveness would make a URL is therefore no URL here, in a descriptor
//! as in a `Location`.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use super::{Reason, Refusal};

/// Why a text is no URL to every parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Numbers that are no address (WHATWG URL, host parsing).
    #[error("its host is written like an address and is none")]
    Address,
    /// A backslash ahead of the query.
    #[error("it holds a backslash; write `/`, or %5C where one is meant")]
    Backslash,
    /// A control character anywhere.
    #[error("it holds a control character, such as a line end; percent-encode or remove it")]
    Control,
    /// User information, be it empty (RFC 3986 §3.2.1).
    #[error("no user name, password or `@` may stand ahead of its host; remove it")]
    Credentials,
    /// A host that IDNA or the URL standard does not know.
    #[error(
        "its host holds what no host name holds, or a broken `xn--` label; it may hold letters, digits, hyphens, underscores and dots"
    )]
    Host,
    /// A character of the host that parsers drop.
    #[error("its host holds an invisible character (U+{:04X}); remove it", *.0 as u32)]
    Invisible(char),
    /// No host.
    #[error("it has no host")]
    NoHost,
    /// A port that is none.
    #[error("its port is not a number from 0 to 65535")]
    Port,
    /// A scheme that is not followed by exactly two slashes.
    #[error("two slashes must follow the scheme")]
    Slashes,
    /// A space at an end.
    #[error("it begins or ends with a space; remove it")]
    Space,
    /// Anything else.
    #[error("it cannot be read")]
    Syntax,
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        let reason = match malformed {
            Malformed::Credentials => Reason::Credentials,
            Malformed::Address | Malformed::Host | Malformed::Invisible(_) | Malformed::NoHost => {
                Reason::Host
            }
            Malformed::Backslash
            | Malformed::Control
            | Malformed::Port
            | Malformed::Slashes
            | Malformed::Space
            | Malformed::Syntax => Reason::Syntax,
        };
        reason.into()
    }
}

impl From<ParseError> for Malformed {
    fn from(error: ParseError) -> Malformed {
        match error {
            ParseError::EmptyHost => Malformed::NoHost,
            ParseError::IdnaError | ParseError::InvalidDomainCharacter => Malformed::Host,
            ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address => Malformed::Address,
            ParseError::InvalidPort => Malformed::Port,
            // The enum is open, and the rest of it does not come from reading a text.
            _ => Malformed::Syntax,
        }
    }
}

/// Reads a URL, or a reference relative to a base (RFC 3986 §4.1).
///
/// # Errors
///
/// [`Malformed`] for a text that is none, or that other parsers read differently.
pub fn parse_url(text: &str, base: Option<&Url>) -> Result<Url, Malformed> {
    check_characters(text)?;
    let path_end = text.find(['?', '#']).unwrap_or(text.len());
    if text[..path_end].contains('\\') {
        return Err(Malformed::Backslash);
    }
    if let Some(authority) = authority(text)? {
        check_authority(authority)?;
    }
    Ok(Url::options().base_url(base).parse(text)?)
}

/// Refuses characters that a parser strips from a URL of any scheme.
///
/// # Errors
///
/// [`Malformed::Control`] and [`Malformed::Space`].
pub fn check_characters(text: &str) -> Result<(), Malformed> {
    let has_control = match text.is_ascii() {
        true => text.bytes().any(|octet| octet.is_ascii_control()),
        false => text.contains(char::is_control),
    };
    if has_control {
        return Err(Malformed::Control);
    }
    if text.trim().len() != text.len() {
        return Err(Malformed::Space);
    }
    Ok(())
}

/// Finds the authority as it is written, if there is one: of a web URL, or of a reference that begins with it.
fn authority(text: &str) -> Result<Option<&str>, Malformed> {
    let rest = match text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) if is_web(scheme) => rest.strip_prefix("//").ok_or(Malformed::Slashes)?,
        Some(_) => return Ok(None),
        None => match text.strip_prefix("//") {
            Some(rest) => rest,
            None => return Ok(None),
        },
    };
    Ok(rest.split(['/', '?', '#']).next())
}

/// Refuses what a parser drops from an authority. The joiners are not dropped: IDNA judges them by their neighbours
/// (RFC 5892, A.1 and A.2).
fn check_authority(authority: &str) -> Result<(), Malformed> {
    if authority.is_empty() {
        return Err(Malformed::NoHost);
    }
    if authority.contains('@') {
        return Err(Malformed::Credentials);
    }
    if authority.is_ascii() && !authority.contains('%') {
        return Ok(());
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let is_dropped = |char: &char| ignorable.contains(*char) && !matches!(char, '\u{200c}' | '\u{200d}');
    match percent_decode_str(authority).decode_utf8_lossy().chars().find(is_dropped) {
        Some(char) => Err(Malformed::Invisible(char)),
        None => Ok(()),
    }
}

/// Tells whether a text is a scheme (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.'))
}

/// Tells whether a scheme is fetched.
pub fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        for (text, malformed) in [
            ("http://a\\@b/", Malformed::Backslash),
            ("http:\\\\a/", Malformed::Backslash),
            ("ht\ntp://a/", Malformed::Control),
            ("\thttp://a/", Malformed::Control),
            ("http://a/\u{7f}", Malformed::Control),
            ("http://a/\u{85}", Malformed::Control),
            (" http://a/", Malformed::Space),
            ("http://@a/", Malformed::Credentials),
            ("HTTP://:@a/", Malformed::Credentials),
            ("http:a/", Malformed::Slashes),
            ("http:/a/", Malformed::Slashes),
            ("http:///a/", Malformed::NoHost),
            ("http://a b/", Malformed::Host),
            ("http://a|b/", Malformed::Host),
            ("http://256.256.256.256/", Malformed::Address),
            ("http://a:b/", Malformed::Port),
            ("", Malformed::Syntax),
            ("a/b", Malformed::Syntax),
        ] {
            assert_eq!(parse_url(text, None), Err(malformed), "{text:?}");
        }
        for text in ["http://a/č\u{10a}", "http://a/b c?d=\\e", "http://a/#\\", "http://a/@:@", "http://a?@b"]
        {
            assert!(parse_url(text, None).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn references_are_read_against_their_base() {
        let base = parse_url("https://a/b/c?d", None).unwrap();
        assert_eq!(parse_url("../e@f", Some(&base)).unwrap().as_str(), "https://a/e@f");
        assert_eq!(parse_url("e?f://@g", Some(&base)).unwrap().as_str(), "https://a/b/e?f://@g");
        assert_eq!(parse_url("//f/", Some(&base)).unwrap().as_str(), "https://f/");
        assert_eq!(parse_url("//@f/", Some(&base)), Err(Malformed::Credentials));
        assert_eq!(parse_url("https:f", Some(&base)), Err(Malformed::Slashes));
        assert_eq!(parse_url("/\\f/", Some(&base)), Err(Malformed::Backslash));
    }

    #[test]
    fn no_character_of_a_host_is_dropped() {
        let planes =
            ('\u{80}'..='\u{ffff}').chain('\u{1bc00}'..='\u{1d1ff}').chain('\u{e0000}'..='\u{e0fff}');
        for char in planes {
            let text = format!("http://exam{char}ple.com/");
            let is_dropped = Url::parse(&text).is_ok_and(|url| url.host_str() == Some("example.com"));
            assert!(!is_dropped || parse_url(&text, None).is_err(), "U+{:04X}", char as u32);
        }
        let encoded = parse_url("http://exam%E2%80%8Bple.com/", None);
        assert_eq!(encoded, Err(Malformed::Invisible('\u{200b}')));
        for text in [
            "http://bücher.example.net/",
            "http://نامه\u{200c}ای.com/",
            "http://雪.jp/\u{200b}",
            "http://☃.net/",
        ] {
            assert!(parse_url(text, None).is_ok(), "{text}");
        }
    }
}

//! From a URL's text to a URL, before anything is judged.
//!
//! The WHATWG parser forgives: it drops tabs and line feeds wherever they stand and reads a backslash as a slash. Other
//! parsers do not, and an attack lives off two readers of one text who see different hosts (`http://a\@b/`). What only
//! forgiveness would make a URL is therefore no URL here, in a descriptor as in a `Location`.

use url::Url;

use super::{Reason, Refusal};

/// Reads a URL, or a reference relative to a base (RFC 3986 §4.1).
///
/// # Errors
///
/// [`Reason::Syntax`] for a text that is none, holds a control character, or a backslash ahead of its query.
pub fn parse_url(text: &str, base: Option<&Url>) -> Result<Url, Refusal> {
    let path_end = text.find(['?', '#']).unwrap_or(text.len());
    if text.contains(char::is_control) || text[..path_end].contains('\\') {
        return Err(Reason::Syntax.into());
    }
    Url::options().base_url(base).parse(text).map_err(|_| Reason::Syntax.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        for text in [
            "http://a\\@b/",
            "http:\\\\a/",
            "ht\ntp://a/",
            "\thttp://a/",
            "http://a/\u{7f}",
            "http://a/\u{85}",
            "",
            "a/b",
        ] {
            assert_eq!(parse_url(text, None), Err(Reason::Syntax.into()), "{text:?}");
        }
        for text in ["http://a/č\u{10a}", "http://a/b c?d=\\e", " http://a/#\\"] {
            assert!(parse_url(text, None).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn references_are_read_against_their_base() {
        let base = parse_url("https://a/b/c?d", None).unwrap();
        assert_eq!(parse_url("../e", Some(&base)).unwrap().as_str(), "https://a/e");
        assert_eq!(parse_url("//f/", Some(&base)).unwrap().as_str(), "https://f/");
        assert_eq!(parse_url("/\\f/", Some(&base)), Err(Reason::Syntax.into()));
    }
}

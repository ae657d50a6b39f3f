//! `data:` URLs: small files that travel in the descriptor.
//!
//! Decoded as browsers do (WHATWG Fetch), with one exception: a raw `#` is refused. To a browser the data ends
//! there, but who writes one means it as data, and a shortened file in a sound archive is the one thing never made.

use bytes::Bytes;
use data_url::DataUrl;

use super::Error;

/// Decodes base64 or percent-encoded data.
///
/// # Errors
/// [`Error::DataUrl`] when there is no comma, the base64 is broken, or a raw `#` cuts the data.
pub(super) fn decode(text: &str) -> Result<Bytes, Error> {
    if text.contains('#') {
        return Err(Error::DataUrl("write `#` as %23, or the data ends there"));
    }
    let url = DataUrl::process(text)
        .map_err(|_| Error::DataUrl("a comma must stand between the media type and the data"))?;
    let (data, _) = url.decode_to_vec().map_err(|_| Error::DataUrl("the base64 is broken"))?;
    Ok(data.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_both_forms() {
        for (text, data) in [
            ("data:application/json;base64,eyJhIjoxfQ==", &b"{\"a\":1}"[..]),
            ("DATA:;BASE64,YQ", b"a"),
            ("data:,", b""),
            ("data:,a b%20c%00", b"a b c\0"),
            ("data:text/plain;charset=utf-8,\u{e9}", b"\xc3\xa9"),
            ("data:,100%", b"100%"),
        ] {
            assert_eq!(decode(text).unwrap(), data, "{text}");
        }
        for text in ["data:", "data:text/plain", "data:;base64,a", "data:;base64,***", "data:,issue #5"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}

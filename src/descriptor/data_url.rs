//! `data:` URLs: small files that travel in the descriptor.
//!
//! Decoded as browsers do (WHATWG Fetch), with exceptions where they would make another file of it than was meant, for a
//! damaged file in a sound archive is the one thing never made: a raw `#`, which ends the data; base64 that was cut within
//! an octet; and `base64` where it is no sign of it.

use bytes::Bytes;
use data_url::DataUrl;
use percent_encoding::percent_decode_str;

use super::Error;

/// Decodes base64 or percent-encoded data.
///
/// # Errors
/// [`Error::DataUrl`] when there is no comma, the base64 is broken or announced elsewhere than last, or a raw `#` cuts the
/// data.
pub(super) fn decode(text: &str) -> Result<Bytes, Error> {
    if text.contains('#') {
        return Err(Error::DataUrl("write `#` as %23, or the data ends there"));
    }
    let url = DataUrl::process(text)
        .map_err(|_| Error::DataUrl("a comma must stand between the media type and the data"))?;
    let (head, encoded) = text.split_once(',').unwrap_or((text, ""));
    match base64_of(head) {
        Base64::Last if has_loose_bits(encoded) => {
            return Err(Error::DataUrl("the base64 ends within an octet: it was cut or changed"));
        }
        Base64::Misplaced => {
            return Err(Error::DataUrl("write `;base64` directly ahead of the comma, or leave it out"));
        }
        Base64::Absent | Base64::Last => {}
    }
    let (data, _) = url.decode_to_vec().map_err(|_| Error::DataUrl("the base64 is broken"))?;
    Ok(data.into())
}

/// Where the head of a URL says `base64`.
enum Base64 {
    /// Nowhere.
    Absent,
    /// Where it counts.
    Last,
    /// Where it says nothing to a reader, and yet was meant.
    Misplaced,
}

/// Finds the word among those ahead of the comma.
fn base64_of(head: &str) -> Base64 {
    let media_type = head.split_once(':').map_or(head, |(_, media_type)| media_type);
    let is_base64 = |word: &str| word.trim().eq_ignore_ascii_case("base64");
    match media_type.rsplit_once(';') {
        Some((others, _)) if others.split(';').any(is_base64) => Base64::Misplaced,
        Some((_, last)) if is_base64(last) => Base64::Last,
        None if is_base64(media_type) => Base64::Misplaced,
        Some(_) | None => Base64::Absent,
    }
}

/// Tells whether the last symbol of base64 has bits behind the last octet that are not zero (RFC 4648, 3.5).
fn has_loose_bits(encoded: &str) -> bool {
    const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values = percent_decode_str(encoded).filter_map(|octet| SYMBOLS.iter().position(|it| *it == octet));
    let (count, last) = values.fold((0, 0), |(count, _), value| (count + 1, value));
    let loose = match count % 4 {
        2 => last & 0b1111,
        3 => last & 0b11,
        _ => 0,
    };
    loose != 0
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
            ("data:;base64,QUI", b"AB"),
            ("data:;base64,QQ%3D=", b"A"),
            ("data:; base64 ,Q Q", b"A"),
            ("data:text/base64;x=base64,base64;", b"base64;"),
        ] {
            assert_eq!(decode(text).unwrap(), data, "{text}");
        }
        for text in [
            "data:",
            "data:text/plain",
            "data:;base64,a",
            "data:;base64,***",
            "data:,issue #5",
            "data:;base64,QUJ",
            "data:;base64,QR==",
            "data:;base64,Q%52%3D=",
            "data:text/plain;base64;charset=utf-8,QUJD",
            "data:;Base64;,QUJD",
            "data:base64,QUJD",
            "data: base64 ;charset=utf-8,QUJD",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}

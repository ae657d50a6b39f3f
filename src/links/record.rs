//! What a link stands for: the descriptor as it was posted, and who posted it.
//!
//! The descriptor is kept as its octets, without the white space between them that means nothing, and parsed again at each
//! download: parsing is quick and pure, and a parsed value would need a second notation, which could drift from the first.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::Error;

/// What is stored when a link is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// By what its minter is counted.
    pub client_id: String,
    /// The descriptor, which is known to be lawful.
    pub descriptor: Bytes,
    /// Entries of the descriptor.
    pub entries: usize,
    /// The name of its minter's tier.
    pub tier_name: String,
}

impl Record {
    /// The record as it is sealed: a line of JSON that tells of the minter, then the descriptor, compacted.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let minter = serde_json::json!([self.client_id, self.tier_name, self.entries]);
        [minter.to_string().as_bytes(), b"\n", &compacted(&self.descriptor)].concat()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is none.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Result<Record, Error> {
        let bytes = Bytes::from(bytes);
        // JSON writes a line's end inside a text as `\n`.
        let end = bytes.iter().position(|octet| *octet == b'\n').ok_or(Error::Damaged)?;
        let minter = serde_json::from_slice(&bytes[..end]).map_err(|_| Error::Damaged)?;
        let (client_id, tier_name, entries) = minter;
        Ok(Record { client_id, descriptor: bytes.slice(end + 1..), entries, tier_name })
    }

    /// By what its minter's share is counted: a hash, since a store needs no addresses.
    pub(super) fn owner(&self) -> String {
        hex::encode(digest(&SHA256, self.client_id.as_bytes()))
    }
}

/// Lawful JSON without the white space between its tokens (RFC 8259 §2), which never parts one from another: two that would
/// run together always have a comma, a colon or a bracket between them. All else stays as it is, octet for octet.
fn compacted(json: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |octet: &u8| {
        let is_space = !is_text && matches!(octet, b' ' | b'\t' | b'\n' | b'\r');
        is_text ^= *octet == b'"' && !is_escaped;
        is_escaped = is_text && *octet == b'\\' && !is_escaped;
        !is_space
    };
    json.iter().copied().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let record = Record {
            client_id: "key:a\n\"b".into(),
            descriptor: Bytes::from_static(b"{\"files\":[\"\n\"]}"),
            entries: 3,
            tier_name: "anonymous".into(),
        };
        assert_eq!(Record::from_bytes(record.to_bytes()).unwrap(), record);
        let spaced =
            Record { descriptor: b"\r\n{ \"files\" :\t[\n\"\n\"] }\n".as_slice().into(), ..record.clone() };
        assert_eq!(Record::from_bytes(spaced.to_bytes()).unwrap(), record);
        for other in [&b""[..], b"{}", b"[1]\n", b"[\"a\",\"b\"]\nx"] {
            assert!(Record::from_bytes(other.to_vec()).is_err());
        }
    }

    #[test]
    fn nothing_but_white_space_between_tokens_is_left_out() {
        for (given, kept) in [
            (r#" { "a b" : [ 1 , 1.50e+3 , true ] } "#, r#"{"a b":[1,1.50e+3,true]}"#),
            (r#"{"a": " \" ", "a": "\\" , "b": "\\\" \\"}"#, r#"{"a":" \" ","a":"\\","b":"\\\" \\"}"#),
            ("\u{feff}[\"\u{a0}\", \"\u{2028} \"]", "\u{feff}[\"\u{a0}\",\"\u{2028} \"]"),
            (r#"["\u0022 ", " "]"#, r#"["\u0022 "," "]"#),
        ] {
            assert_eq!(String::from_utf8(compacted(given.as_bytes())).unwrap(), kept);
        }
    }
}

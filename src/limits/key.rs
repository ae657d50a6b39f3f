//! API keys: of each only the SHA-256 is known here.

use std::{fmt, str::FromStr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::{Error, tier::LONGEST_NAME};

/// The scheme in which a key is sent (RFC 6750).
const SCHEME: &str = "Bearer";

/// Longest key that is looked at, in octets.
const LONGEST: usize = 512;

/// A key that a client may bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// By what it is known in logs, metrics and counts.
    pub name: String,
    /// The SHA-256 of the key's octets.
    pub sha256: [u8; 32],
    /// The name of its tier.
    pub tier: String,
}

/// Why a key cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A part is missing, or there is one too many.
    #[error("must read name:tier:sha256")]
    Form,
    /// The hash is none.
    #[error("must be the SHA-256 of a key, 64 hex digits; `zipstream key new` makes one")]
    Hash,
    /// The name cannot stand in variables and metrics.
    #[error("must be 1 to 64 of A-Z a-z 0-9 . - _")]
    Name,
}

impl Key {
    /// A key of the configuration.
    ///
    /// # Errors
    /// When the name or the hash is not lawful.
    pub fn new(name: &str, tier: &str, sha256: &str) -> Result<Key, KeyError> {
        let lawful = |octet: u8| octet.is_ascii_alphanumeric() || b".-_".contains(&octet);
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(lawful) {
            return Err(KeyError::Name);
        }
        let mut hash = [0; 32];
        hex::decode_to_slice(sha256, &mut hash).map_err(|_| KeyError::Hash)?;
        Ok(Key { name: name.to_owned(), sha256: hash, tier: tier.to_owned() })
    }

    /// The key that a client holds who holds `secret`.
    ///
    /// # Errors
    /// When the name is not lawful.
    pub fn of_secret(name: &str, tier: &str, secret: &str) -> Result<Key, KeyError> {
        Key::new(name, tier, &hex::encode(Sha256::digest(secret)))
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// Reads `name:tier:sha256`.
    fn from_str(text: &str) -> Result<Key, KeyError> {
        let parts: Vec<_> = text.split(':').map(str::trim).collect();
        let [name, tier, sha256] = parts[..] else { return Err(KeyError::Form) };
        Key::new(name, tier, sha256)
    }
}

impl fmt::Display for Key {
    /// Writes what [`Key::from_str`] reads.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}:{}", self.name, self.tier, hex::encode(self.sha256))
    }
}

impl<'de> Deserialize<'de> for Key {
    /// Reads a table, or the text of [`Key::from_str`].
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Table { name: String, tier: String, sha256: String },
            Text(String),
        }
        let key = match Written::deserialize(from)? {
            Written::Table { name, tier, sha256 } => Key::new(&name, &tier, &sha256),
            Written::Text(text) => text.parse(),
        };
        key.map_err(serde::de::Error::custom)
    }
}

/// Finds the key that an `Authorization` header holds. Every key is looked at, whatever is found: the time that it
/// takes tells nothing of them.
///
/// # Errors
/// [`Error::InvalidApiKey`] when the header holds none of them.
pub(super) fn find<'a>(keys: &'a [Key], authorization: &HeaderValue) -> Result<&'a Key, Error> {
    let sent = Sha256::digest(secret(authorization).ok_or(Error::InvalidApiKey)?);
    let found = keys.iter().fold(None, |found, key| {
        if verify_slices_are_equal(&key.sha256, &sent).is_ok() { Some(key) } else { found }
    });
    found.ok_or(Error::InvalidApiKey)
}

/// The key's octets in a header.
fn secret(authorization: &HeaderValue) -> Option<&[u8]> {
    let value = authorization.as_bytes().trim_ascii();
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let secret = rest.trim_ascii_start();
    let lawful = scheme.eq_ignore_ascii_case(SCHEME.as_bytes())
        && secret.len() < rest.len()
        && (1..=LONGEST).contains(&secret.len())
        && secret.iter().all(u8::is_ascii_graphic);
    lawful.then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(keys: &'a [Key], header: &'static str) -> Option<&'a str> {
        find(keys, &HeaderValue::from_bytes(header.as_bytes()).unwrap()).ok().map(|key| key.name.as_str())
    }

    #[test]
    fn a_key_is_found_by_its_hash_wherever_it_stands() {
        let keys =
            ["one", "two", "three"].map(|name| Key::of_secret(name, "t", &format!("zs_{name}")).unwrap());
        for (header, expected) in [
            ("Bearer zs_one", Some("one")),
            ("bearer   zs_two ", Some("two")),
            ("BEARER zs_three", Some("three")),
            ("Bearer zs_four", None),
            ("Bearer zs_ONE", None),
            ("Bearer zs_one zs_two", None),
            ("Bearerzs_one", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("", None),
            ("Basic zs_one", None),
            ("zs_one", None),
            ("Bearer zs_on\u{e9}", None),
        ] {
            assert_eq!(found(&keys, header), expected, "{header:?}");
        }
        assert_eq!(found(&[], "Bearer zs_one"), None);
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = Key::of_secret("nightly.1", "backup", "x").unwrap();
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert_eq!(format!(" nightly.1 : backup : {} ", hex::encode_upper(key.sha256)).parse(), Ok(key));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let hash = "0".repeat(64);
        for (text, error) in [
            (format!("a:b:{}", &hash[1..]), KeyError::Hash),
            (format!("a:b:{}g", &hash[1..]), KeyError::Hash),
            (format!("a:{hash}"), KeyError::Form),
            (format!("a:b:c:{hash}"), KeyError::Form),
            (format!(":b:{hash}"), KeyError::Name),
            (format!("a b:b:{hash}"), KeyError::Name),
            (format!("{}:b:{hash}", "a".repeat(65)), KeyError::Name),
        ] {
            assert_eq!(text.parse::<Key>(), Err(error), "{text}");
        }
    }
}

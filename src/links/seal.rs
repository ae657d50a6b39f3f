//! Sealing what a store keeps: AES-256-GCM under a key that only the token's holder can derive.
//!
//! ```text
//! key    = HKDF-SHA256(token)
//! sealed = nonce (12 random octets) · ciphertext · tag (16),  bound to the record's id and the field's name
//! ```
//! A thief of the store has neither tokens nor keys; a value that was moved to another field or record does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Salt},
};

use super::{
    Error,
    token::{Id, Token},
};

/// Parts this key from any other that may ever be derived from a token.
const PURPOSE: &[u8] = b"zipstream link record 1";

/// The parts of a record that are sealed on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// What the plan was frozen from.
    Facts,
    /// Why no download can be whole.
    Fault,
    /// How the latest download is doing.
    Report,
    /// What was stored at first.
    Request,
    /// What was seen of one entry.
    Seen,
}

impl Field {
    fn name(self) -> &'static [u8] {
        match self {
            Field::Facts => b"facts",
            Field::Fault => b"fault",
            Field::Report => b"report",
            Field::Request => b"request",
            Field::Seen => b"seen",
        }
    }
}

/// The seal of one link.
pub(super) struct Seal {
    id: Id,
    key: RandomizedNonceKey,
}

impl Seal {
    /// Derives the seal of a token's record.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the cryptography fails, which it has no reason to.
    pub(super) fn of(token: &Token) -> Result<Seal, Error> {
        let derive = || -> Result<RandomizedNonceKey, Unspecified> {
            let mut key = [0; 32];
            let derived = Salt::new(HKDF_SHA256, &[]).extract(token.secret());
            derived.expand(&[PURPOSE], &AES_256_GCM)?.fill(&mut key)?;
            RandomizedNonceKey::new(&AES_256_GCM, &key)
        };
        Ok(Seal { id: token.id(), key: derive().map_err(|_| Error::Damaged)? })
    }

    /// Seals a field's value.
    ///
    /// # Errors
    /// [`Error::Damaged`], as above.
    pub(super) fn close(&self, field: Field, mut value: Vec<u8>) -> Result<Vec<u8>, Error> {
        let nonce = self.key.seal_in_place_append_tag(self.bound_to(field), &mut value);
        let mut sealed = nonce.map_err(|_| Error::Damaged)?.as_ref().to_vec();
        sealed.append(&mut value);
        Ok(sealed)
    }

    /// Opens a field's value.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it was sealed otherwise, or changed since.
    pub(super) fn open(&self, field: Field, mut sealed: Vec<u8>) -> Result<Vec<u8>, Error> {
        if sealed.len() < NONCE_LEN {
            return Err(Error::Damaged);
        }
        let mut value = sealed.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| Error::Damaged)?;
        let opened = self.key.open_in_place(nonce, self.bound_to(field), &mut value);
        let length = opened.map_err(|_| Error::Damaged)?.len();
        value.truncate(length);
        Ok(value)
    }

    fn bound_to(&self, field: Field) -> Aad<Vec<u8>> {
        Aad::from([&self.id.0, field.name()].concat())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn seal() -> Seal {
        Seal::of(&Token::new(&SystemRandom::new()).unwrap()).unwrap()
    }

    #[test]
    fn opens_what_it_closed() {
        let seal = seal();
        for value in [&b""[..], b"x", &[7; 100_000]] {
            let closed = seal.close(Field::Request, value.to_vec()).unwrap();
            assert_eq!(closed.len(), value.len() + 28);
            assert_eq!(seal.open(Field::Request, closed).unwrap(), value);
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let seal = seal();
        let [one, two] = [(), ()].map(|()| seal.close(Field::Facts, b"value".to_vec()).unwrap());
        assert_ne!(one, two);
    }

    #[test]
    fn another_field_token_or_bit_does_not_open() {
        let (ours, other) = (seal(), seal());
        let closed = ours.close(Field::Facts, b"value".to_vec()).unwrap();
        assert!(ours.open(Field::Report, closed.clone()).is_err());
        assert!(other.open(Field::Facts, closed.clone()).is_err());
        for at in 0..closed.len() {
            let mut changed = closed.clone();
            changed[at] ^= 1;
            assert!(ours.open(Field::Facts, changed).is_err(), "octet {at}");
            assert!(ours.open(Field::Facts, closed[..at].to_vec()).is_err(), "{at} octets");
        }
    }
}

//! A link's secret: 192 bits of the system's randomness, written as 48 hexadecimal digits.
//!
//! Whoever holds it may download. So it is never printed by a formatter, and no store sees it: a record goes by the
//! token's SHA-256, found by equality of hashes, which tells nothing by its timing.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use super::Error;

/// Length of a token in octets.
const OCTETS: usize = 24;

/// What a link is reached by.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; OCTETS]);

/// The name of a link's record: the SHA-256 of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) [u8; 32]);

impl Token {
    /// Draws a token.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(random: &SystemRandom) -> Result<Token, Error> {
        let mut octets = [0; OCTETS];
        random.fill(&mut octets).map_err(|_| Error::Damaged)?;
        Ok(Token(octets))
    }

    /// Reads a token as it was written; `None` for anything else.
    pub fn parse(text: &str) -> Option<Token> {
        let is_ours = text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        let mut octets = [0; OCTETS];
        (is_ours && hex::decode_to_slice(text, &mut octets).is_ok()).then_some(Token(octets))
    }

    /// The token as it stands in a URL.
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// The name of its record as text: tells links apart without telling the token.
    pub fn record_name(&self) -> String {
        hex::encode(self.id().0)
    }

    /// The name of its record.
    pub(super) fn id(&self) -> Id {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        Id(id)
    }

    /// What its record's key is derived from.
    pub(super) fn secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let token = Token::new(&SystemRandom::new()).unwrap();
        let text = token.to_text();
        assert_eq!(Token::parse(&text), Some(token));
        let shorter = &text[2..];
        for other in ["", shorter, &format!("{text}00"), &format!("{shorter}G0"), &format!("{shorter}AA")] {
            assert_eq!(Token::parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_formatter_shows_it() {
        let token = Token::new(&SystemRandom::new()).unwrap();
        assert_eq!(format!("{token:?} {token:#?}"), "Token(***) Token(***)");
    }

    #[test]
    fn no_two_are_alike() {
        let random = SystemRandom::new();
        let (one, other) = (Token::new(&random).unwrap(), Token::new(&random).unwrap());
        assert!(one != other && one.id() != other.id());
    }
}

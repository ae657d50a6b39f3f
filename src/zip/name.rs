//! The name of an entry, as far as the format itself limits it.
//!
//! Which names are safe to extract is not decided here: the descriptor's rules are far stricter. This type only makes
//! sure that the length fits its 16-bit field.

use std::fmt;

use super::Error;

/// An entry name: 1 to 65,535 octets of UTF-8, `/`-separated (APPNOTE 4.4.17).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Checks the length of a name.
    ///
    /// # Errors
    /// [`Error::NameEmpty`] and [`Error::NameTooLong`].
    pub fn new(name: &str) -> Result<Name, Error> {
        match name.len() {
            0 => Err(Error::NameEmpty),
            1..=0xFFFF => Ok(Name(name.into())),
            length => Err(Error::NameTooLong { length }),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether the name is a directory's: it ends in `/`.
    pub fn is_directory(&self) -> bool {
        self.0.ends_with('/')
    }

    /// Returns the length in octets, which fits 16 bits by construction.
    pub(super) fn octets(&self) -> u16 {
        self.0.len() as u16
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_outside_the_field_are_refused() {
        assert!(matches!(Name::new(""), Err(Error::NameEmpty)));
        assert!(Name::new(&"n".repeat(65_535)).is_ok());
        assert!(matches!(Name::new(&"n".repeat(65_536)), Err(Error::NameTooLong { length: 65_536 })));
    }

    #[test]
    fn a_trailing_slash_makes_a_directory() {
        assert!(Name::new("a/").unwrap().is_directory());
        assert!(!Name::new("a/b").unwrap().is_directory());
    }
}

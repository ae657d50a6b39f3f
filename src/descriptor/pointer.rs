//! Where a value stands in the document (RFC 6901), built only when it is told.
//!
//! A pointer is a chain of borrowed steps on the stack: descending into seventy thousand entries allocates nothing.

/// The longest pointer that is told, in octets. Keys are the client's: 100 violations below a key of the size of
/// the body would make an answer of a hundred bodies. Beyond it the nearest enclosing value is named.
const MAX_OCTETS: usize = 512;

/// A place in the document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pointer<'a> {
    /// The whole document.
    Root,
    /// An element of an array.
    Index(&'a Pointer<'a>, usize),
    /// A member of an object.
    Key(&'a Pointer<'a>, &'a str),
}

impl<'a> Pointer<'a> {
    /// Points to an element.
    pub(super) fn index(&'a self, index: usize) -> Pointer<'a> {
        Pointer::Index(self, index)
    }

    /// Points to a member.
    pub(super) fn key(&'a self, key: &'a str) -> Pointer<'a> {
        Pointer::Key(self, key)
    }

    /// Writes the pointer, or that of the nearest enclosing value that is short enough.
    pub(super) fn to_text(self) -> String {
        let (parent, token) = match self {
            Pointer::Root => return String::new(),
            Pointer::Index(parent, index) => (parent, index.to_string()),
            Pointer::Key(parent, key) if key.len() > MAX_OCTETS => return parent.to_text(),
            Pointer::Key(parent, key) => (parent, key.replace('~', "~0").replace('/', "~1")),
        };
        let mut text = parent.to_text();
        if text.len() + 1 + token.len() <= MAX_OCTETS {
            text.push('/');
            text.push_str(&token);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_rfc_6901_says() {
        let key = Pointer::Root.key("a/b~1");
        let index = key.index(3);
        assert_eq!(Pointer::Root.to_text(), "");
        assert_eq!(index.to_text(), "/a~1b~01/3");
        assert_eq!(index.key("").to_text(), "/a~1b~01/3/");
    }

    #[test]
    fn names_an_enclosing_value_when_too_long() {
        let long = "k".repeat(400);
        let outer = Pointer::Root.key(&long);
        assert_eq!(outer.key(&long).to_text(), format!("/{long}"));
    }
}

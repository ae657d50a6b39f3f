//! The JSON document as it was sent: order and duplicate keys kept, strings borrowed from the body.
//!
//! A map type would keep only the last of two equal keys, and what a proxy in front of us checked may have been
//! the first. Every node knows its place in the document, so that violations can be told in reading order.
//! Nesting is limited by serde_json (128), which makes recursion over the tree safe.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Error;

/// A value of the document and its place in it.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// How many values began before this one.
    pub(super) order: u32,
    /// What it is.
    pub(super) value: Value<'a>,
}

/// A JSON value.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// `[…]`
    Array(Vec<Node<'a>>),
    /// `true` or `false`
    Bool(bool),
    /// A number that is not a non-negative integer of 64 bits.
    Number,
    /// `null`
    Null,
    /// `{…}`, as sent: a key may occur more than once.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    /// A string without its escapes.
    String(Cow<'a, str>),
    /// A non-negative integer.
    Unsigned(u64),
}

impl<'a> Node<'a> {
    /// Reads a whole body.
    ///
    /// # Errors
    /// [`Error::Json`] when the body is not exactly one JSON value in UTF-8.
    pub(super) fn parse(body: &'a [u8]) -> Result<Node<'a>, Error> {
        if body.starts_with("\u{feff}".as_bytes()) {
            return Err(Error::ByteOrderMark);
        }
        let order = Cell::new(0);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let node = Seed(&order).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(node)
    }

    /// Tells whether the value is `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Returns the text of a string.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Names the JSON type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Array(_) => "an array",
            Value::Bool(_) => "a boolean",
            Value::Null => "null",
            Value::Number | Value::Unsigned(_) => "a number",
            Value::Object(_) => "an object",
            Value::String(_) => "a string",
        }
    }
}

/// Reads one node and counts it.
#[derive(Clone, Copy)]
struct Seed<'c>(&'c Cell<u32>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        let order = self.0.get();
        self.0.set(order.saturating_add(1));
        Ok(Node { order, value: deserializer.deserialize_any(self)? })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(self)? {
            nodes.push(node);
        }
        Ok(Value::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(Key(key)) = members.next_key()? {
            nodes.push((key, members.next_value_seed(self)?));
        }
        Ok(Value::Object(nodes))
    }
}

/// A key of an object, borrowed where it holds no escapes (`Cow` alone would always copy).
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Reads a [`Key`].
struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_duplicate_keys() {
        let Ok(Node { value: Value::Object(members), .. }) =
            Node::parse(br#"{"b":1,"a":[true],"b":"\u00e9"}"#)
        else {
            panic!("an object");
        };
        let seen: Vec<_> =
            members.iter().map(|(key, node)| (key.as_ref(), node.order, node.kind())).collect();
        assert_eq!(seen, [("b", 1, "a number"), ("a", 2, "an array"), ("b", 4, "a string")]);
    }

    #[test]
    fn tells_where_the_json_breaks() {
        for (body, detail) in [
            (&b"{\"a\":\n1,}"[..], "line 2 column 3"),
            (b"{} {}", "line 1 column 4"),
            (b"\"\\ud800\"", "hex escape"),
            (b"[NaN]", "line 1"),
            (b"\"\xff\"", "unicode"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (&[b'['; 200], "recursion limit"),
        ] {
            let error = Node::parse(body).unwrap_err().to_string();
            assert!(error.contains(detail), "{error}");
        }
    }
}

//! Which field of a header an octet belongs to, for whoever wants to know what was damaged.

/// Where a structure's fields end, in octets from its beginning, and their names.
type Fields = &'static [(usize, &'static str)];

/// A local file header (APPNOTE 4.3.7).
pub(super) const LOCAL: Fields = &[
    (4, "signature"),
    (6, "version needed"),
    (8, "flags"),
    (10, "method"),
    (14, "modification time"),
    (18, "CRC-32"),
    (22, "compressed size"),
    (26, "size"),
    (28, "length of the name"),
    (30, "length of the extra fields"),
];

/// A header of the central directory (APPNOTE 4.3.12).
pub(super) const CENTRAL: Fields = &[
    (4, "signature"),
    (6, "version made by"),
    (8, "version needed"),
    (10, "flags"),
    (12, "method"),
    (16, "modification time"),
    (20, "CRC-32"),
    (24, "compressed size"),
    (28, "size"),
    (30, "length of the name"),
    (32, "length of the extra fields"),
    (34, "length of the comment"),
    (36, "number of the disk"),
    (38, "internal attributes"),
    (42, "external attributes"),
    (46, "offset"),
];

/// A data descriptor (APPNOTE 4.3.9).
pub(super) const DESCRIPTOR: Fields = &[(4, "signature"), (8, "CRC-32"), (24, "size")];

/// Names the first field in which two forms of a structure differ; `None` when they are the same. What follows the fixed
/// fields is name and extra fields.
pub(super) fn differing(fields: Fields, expected: &[u8], actual: &[u8]) -> Option<&'static str> {
    if expected == actual {
        return None;
    }
    let same = expected.iter().zip(actual).take_while(|(expected, actual)| expected == actual).count();
    let field = fields.iter().find(|(end, _)| same < *end);
    Some(field.map_or("name or extra fields", |(_, name)| name))
}

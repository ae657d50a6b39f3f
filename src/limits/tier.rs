//! What one kind of client may have.

use serde::Deserialize;

use crate::value;

/// The limits of one kind of client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The most that the sources of one archive may measure together, in bytes.
    pub archive_size: value::ByteSize,
    /// Archives and links that one client may ask for in an hour; 0 asks of anonymous clients that they bring a key.
    pub archives_per_hour: u32,
    /// Archives that one client may have at the same time, on one node; and as many validations.
    pub concurrent_archives: usize,
    /// Entries of one descriptor.
    pub files: usize,
    /// Validations that one client may ask for in an hour; 0 asks of anonymous clients that they bring a key.
    pub validations_per_hour: u32,
}

/// Whether a tier may have this name: 1 to 64 of `a-z 0-9 - _`, the first a letter. It also stands in the names of variables, which come in lower case, and in
/// metrics.
pub fn is_tier_name(name: &str) -> bool {
    let lawful = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_".contains(&octet);
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(lawful)
}

/// Longest name of a tier or a key, in octets.
pub(super) const LONGEST_NAME: usize = 64;

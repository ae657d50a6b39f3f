//! What is wrong with an archive, in words for whoever has to decide what to do about it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The entry it is about, where it is one.
    pub entry: Option<String>,
    /// What is wrong.
    pub kind: Kind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The bytes are others than were put in.
    #[error("its CRC-32 is {actual:08x}, the archive says {expected:08x}")]
    Crc32 {
        /// What the central directory tells.
        expected: u32,
        /// What was read.
        actual: u32,
    },
    /// No end records.
    #[error("it has no end: it was cut off, or is no ZIP file")]
    Cut,
    /// The compressed data cannot be read.
    #[error("its compressed data is damaged")]
    Damaged,
    /// Two entries of one name.
    #[error("there is more than one entry of this name")]
    Duplicate,
    /// A header is not what this program writes for such an entry.
    #[error("its {part} is damaged, or not written by ZipStream: {field}")]
    Header {
        /// Which structure.
        part: &'static str,
        /// The field that differs.
        field: &'static str,
    },
    /// A field of the manifest is not what the archive holds.
    #[error("its {field} is {actual}, the manifest says {expected}")]
    Listed {
        /// Which field.
        field: &'static str,
        /// What the manifest tells.
        expected: String,
        /// What the archive holds.
        actual: String,
    },
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {0}")]
    Manifest(String),
    /// The manifest is not the last entry.
    #[error("the manifest is not the last entry")]
    ManifestPlace,
    /// An entry that should be there.
    #[error("it is missing: the manifest lists it")]
    Missing,
    /// A name that must not be extracted.
    #[error("its name is not safe: {0}")]
    Name(String),
    /// No manifest.
    #[error(
        "it has no {0:?} to be held against; --manifest NAME tells another name, --no-manifest does without"
    )]
    NoManifest(String),
    /// An entry stands elsewhere than the manifest lists it.
    #[error("the manifest lists it at another place")]
    Order,
    /// Bytes that belong to nothing, or to two entries.
    #[error("it begins at byte {actual}, but what is before it ends at byte {expected}")]
    Place {
        /// Where it should begin.
        expected: u64,
        /// Where it does.
        actual: u64,
    },
    /// The data is shorter or longer than told.
    #[error("it has {actual} bytes, the archive says {expected}")]
    Size {
        /// What the central directory tells.
        expected: u64,
        /// How many there are at least.
        actual: u64,
    },
    /// The structure of the end is not one.
    #[error("its {0} is damaged, or not written by ZipStream")]
    Structure(&'static str),
    /// Bytes behind the end.
    #[error("{0} bytes follow its end")]
    Trailing(u64),
    /// The encoder would not have written it.
    #[error("it contradicts itself: {0}")]
    Unencodable(String),
    /// An entry that the manifest does not list.
    #[error("the manifest does not list it")]
    Unlisted,
    /// An entry that the manifest says was left out.
    #[error("the manifest says that it was left out")]
    Unskipped,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{}: ", entry.escape_debug())?,
            None => write!(f, "the archive: ")?,
        }
        // Names, and what a manifest says, may hold what moves a terminal's cursor, or begin another line.
        for part in self.kind.to_string().split_inclusive(['"', '\'', '\\']) {
            let text = part.trim_end_matches(['"', '\'', '\\']);
            write!(f, "{}{}", text.escape_debug(), &part[text.len()..])?;
        }
        Ok(())
    }
}

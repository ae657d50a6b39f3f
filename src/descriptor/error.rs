//! Why a part of a descriptor is refused: the texts a client reads, and their codes.
//!
//! A text says what is wrong and what to do. None shows a value, for values hold signatures and passwords.

use crate::egress::{Malformed, Refusal};

use super::{Code, Unportable};

/// A reason to refuse a part of a descriptor.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body begins with U+FEFF.
    #[error("the body begins with a byte order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// None of STORE, DEFLATE and AUTO.
    #[error("the compression is not supported; use \"STORE\", \"DEFLATE\" or \"AUTO\"")]
    Compression,
    /// Not a level.
    #[error("compressionLevel is an integer from 1, the fastest, to 9, the smallest")]
    CompressionLevel,
    /// Not 8 hexadecimal digits.
    #[error("crc32 is written as a string of 8 hexadecimal digits, such as \"1c291ca3\"")]
    Crc32,
    /// A `data:` source or a directory that is not what was expected of it.
    #[error("{field} does not fit the data: it is {actual}; correct the expectation or the data")]
    DataMismatch {
        /// Which expectation.
        field: &'static str,
        /// What the data has.
        actual: String,
    },
    /// `data:` that cannot be decoded.
    #[error("the data: URL cannot be decoded: {0}")]
    DataUrl(&'static str),
    /// A key for the second time.
    #[error("the key occurs twice in this object; keep one of them")]
    DuplicateKey,
    /// A name that is taken.
    #[error(
        "the name is taken by /files/{other} at least on systems that ignore case, Unicode forms, trailing dots and spaces, or `::$DATA`; choose another"
    )]
    DuplicateZipPath {
        /// The entry that has the name.
        other: usize,
    },
    /// A file where another entry has a directory, or the reverse.
    #[error("the name is a file here and a directory in /files/{other}, or the reverse; rename one of them")]
    FileAndDirectory {
        /// The other entry.
        other: usize,
    },
    /// Control characters in `suggestedFilename`.
    #[error("the file name holds a control character; remove it")]
    FilenameControl,
    /// `suggestedFilename` is not a string.
    #[error("the file name is {0}; send a string")]
    FilenameType(&'static str),
    /// A header that steers the connection or the fetch itself.
    #[error("this header is set by the service or concerns the connection; remove it")]
    HeaderForbidden,
    /// Not a token.
    #[error("the header name is not a token (RFC 9110, 5.1); use letters, digits and hyphens")]
    HeaderName,
    /// The same header in another case.
    #[error("the header occurs twice, in different case; header names ignore case, so keep one of them")]
    HeaderTwice,
    /// A value that cannot be sent.
    #[error("the header value must be visible ASCII with spaces or tabs inside, not at its ends")]
    HeaderValue,
    /// Too many octets of headers.
    #[error("the headers are longer than {limit} octets together; send fewer or shorter ones")]
    HeadersTooLong {
        /// The limit.
        limit: usize,
    },
    /// Not JSON, or with a number beyond what is read of it.
    #[error("the body cannot be read as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Not a time.
    #[error("lastModified is written as RFC 3339 says, such as \"2026-11-19T23:00:00Z\"")]
    LastModified,
    /// The manifest's name is a directory's.
    #[error("the manifest's name ends in `/`, which names a directory; remove the slash")]
    ManifestDirectory,
    /// The name of a manifest that was given none.
    #[error(
        "the manifest's default name {name} is taken by /files/{other}; name another in manifest.zipPath"
    )]
    ManifestTaken {
        /// The default.
        name: &'static str,
        /// The entry that has it, or has entries inside it.
        other: usize,
    },
    /// A field that must be there.
    #[error("the field `{0}` is missing; add it")]
    MissingField(&'static str),
    /// Not an octal permission.
    #[error(
        "mode is a string of three octal digits, with a leading zero or without, such as \"0644\"; at most \"0777\""
    )]
    Mode,
    /// A name from the root.
    #[error("the name begins with a slash; names are relative, remove it")]
    NameAbsolute,
    /// A backslash, which some systems take for a separator.
    #[error("the name holds a backslash; separate directories with `/`")]
    NameBackslash,
    /// A control character.
    #[error("the name holds a control character; remove it")]
    NameControl,
    /// `.`, `..`, or what some system takes for them.
    #[error(
        "the name has a segment `.`, `..` or of nothing but dots or spaces, or a drive ahead of one; write the path without it"
    )]
    NameDots,
    /// `C:`
    #[error("the name begins with a drive; names are relative, remove it")]
    NameDrive,
    /// A name of nothing.
    #[error("the name is empty; name the entry")]
    NameEmpty,
    /// Two slashes in a row.
    #[error("the name has an empty segment; write a single `/` between directories")]
    NameEmptySegment,
    /// A character that nobody sees, and that changes how others are shown.
    #[error("the name holds an invisible or bidirectional control character (U+{:04X}); remove it", *.0 as u32)]
    NameInvisible(char),
    /// Longer than names may be.
    #[error("the name is longer than {limit} octets in UTF-8; shorten it")]
    NameTooLong {
        /// The limit.
        limit: usize,
    },
    /// A file's name that ends as a directory's does.
    #[error("the name ends in `/`, which makes an empty directory, but there is a url; remove one of them")]
    NameTrailingSlash,
    /// `zipPath` is not a string.
    #[error("the name is {0}; send a string")]
    NameType(&'static str),
    /// An empty list.
    #[error("the list of files is empty; name at least one")]
    NoFiles,
    /// Neither abort nor skip.
    #[error("onSourceError is \"abort\" or \"skip\"")]
    OnSourceError,
    /// Longer than segments may be.
    #[error("the name has a segment longer than {limit} octets in UTF-8; shorten it")]
    SegmentTooLong {
        /// The limit.
        limit: usize,
    },
    /// Not 64 hexadecimal digits.
    #[error("sha256 is written as a string of 64 hexadecimal digits")]
    Sha256,
    /// Not a number of bytes.
    #[error("size is an integer number of bytes from 0 to {limit}")]
    Size {
        /// The limit.
        limit: u64,
    },
    /// More files than the limit.
    #[error("there are {files} files, and at most {limit} are allowed; send several requests")]
    TooManyFiles {
        /// How many there are.
        files: usize,
        /// How many may be.
        limit: usize,
    },
    /// Another JSON type than the field has.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What the field holds.
        expected: &'static str,
        /// What was sent.
        found: &'static str,
    },
    /// A field that is not known.
    #[error(
        "the field is unknown; {} here: {known}",
        .nearest.map_or("known".to_owned(), |nearest| format!("did you mean `{nearest}`? Known"))
    )]
    UnknownField {
        /// The known field that is nearest to it, if one is near.
        nearest: Option<&'static str>,
        /// All known fields.
        known: String,
    },
    /// A name that Windows cannot hold.
    #[error("{0}; rename it, or send without portableNames")]
    Unportable(#[from] Unportable),
    /// A URL that is none of the kinds that a source has.
    #[error("the URL is not valid: {0}")]
    Url(&'static str),
    /// A URL that parsers disagree about, or none can read.
    #[error("the URL is not valid: {0}")]
    UrlMalformed(#[from] Malformed),
    /// A URL that the policy refuses.
    #[error("the URL is refused: {0}")]
    UrlRefused(Refusal),
    /// Longer than URLs may be.
    #[error("the URL is longer than {limit} octets; shorten it")]
    UrlTooLong {
        /// The limit.
        limit: usize,
    },
    /// `url` is not a string.
    #[error("the URL is {0}; send a string, or leave the field out where zipPath ends in `/`")]
    UrlType(&'static str),
}

impl Error {
    /// Returns the code that a problem document carries for it.
    pub fn code(&self) -> Code {
        match self {
            Error::ByteOrderMark | Error::Json(_) => Code::InvalidJson,
            Error::Compression => Code::UnsupportedCompression,
            Error::CompressionLevel
            | Error::Crc32
            | Error::DataMismatch { .. }
            | Error::LastModified
            | Error::Mode
            | Error::OnSourceError
            | Error::Sha256
            | Error::Size { .. }
            | Error::Type { .. } => Code::InvalidDescriptor,
            Error::DataUrl(_)
            | Error::Url(_)
            | Error::UrlMalformed(_)
            | Error::UrlTooLong { .. }
            | Error::UrlType(_) => Code::InvalidUrl,
            Error::UrlRefused(refusal) if refusal.is_invalid() => Code::InvalidUrl,
            Error::UrlRefused(_) => Code::ForbiddenUrl,
            Error::DuplicateKey => Code::DuplicateKey,
            Error::DuplicateZipPath { .. } | Error::FileAndDirectory { .. } | Error::ManifestTaken { .. } => {
                Code::DuplicateZipPath
            }
            Error::FilenameControl | Error::FilenameType(_) => Code::InvalidFilename,
            Error::HeaderForbidden
            | Error::HeaderName
            | Error::HeaderTwice
            | Error::HeaderValue
            | Error::HeadersTooLong { .. } => Code::InvalidHeader,
            Error::MissingField(_) => Code::MissingField,
            Error::ManifestDirectory
            | Error::NameAbsolute
            | Error::NameBackslash
            | Error::NameControl
            | Error::NameDots
            | Error::NameDrive
            | Error::NameEmpty
            | Error::NameEmptySegment
            | Error::NameInvisible(_)
            | Error::NameTooLong { .. }
            | Error::NameTrailingSlash
            | Error::NameType(_)
            | Error::SegmentTooLong { .. }
            | Error::Unportable(_) => Code::InvalidZipPath,
            Error::NoFiles => Code::NoFiles,
            Error::TooManyFiles { .. } => Code::TooManyFiles,
            Error::UnknownField { .. } => Code::UnknownField,
        }
    }
}

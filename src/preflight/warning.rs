//! What is lawful, and may still be meant otherwise.

use std::fmt;

use crate::descriptor::{Compression, Entry, Source, Unportable};
use crate::fetch;
use crate::fetch::Described;
use crate::plan;
use crate::value;

/// A signature that ends within so many seconds is likely to have ended when the download begins.
const SOON: i64 = 60;
/// The pace by which the turn of an entry is guessed, in bytes a second: a slow reader's.
const PACE: u64 = 10_000_000;

/// A concern, and the file it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file's index.
    pub index: usize,
    /// What it is.
    pub concern: Concern,
}

/// What may be meant otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Compressed data is to be compressed again; by what it is known.
    AlreadyCompressed(String),
    /// The URL's signature may have ended when it is needed.
    ExpiresSoon(Expiry),
    /// The bytes can be read and changed on their way.
    InsecureUrl,
    /// Windows cannot hold the name.
    NotPortable(Unportable),
    /// A body that breaks cannot be continued; what of the source is missing for that.
    NotResumable(Vec<&'static str>),
    /// The source fails, and a download would leave it out; why.
    Skipped(String),
    /// The source tells no length, and none was declared.
    UnknownLength,
}

/// The end of a URL's signature, in Unix seconds, and what makes it a concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It has ended.
    Past {
        /// When.
        at: i64,
    },
    /// It ends within a minute.
    Soon {
        /// When.
        at: i64,
    },
    /// It may end before the entry's turn.
    BeforeTurn {
        /// When.
        at: i64,
        /// The seconds until its turn, at 10 MB/s.
        turn: u64,
    },
}

/// What is known of an entry.
pub(super) struct Seen<'a> {
    pub(super) entry: &'a Entry,
    /// What its source told, where it answered.
    pub(super) told: Option<&'a Described>,
    /// Its length in bytes, where it is known.
    pub(super) length: Option<u64>,
    /// The known bytes before it.
    pub(super) before: u64,
    /// The time, in Unix seconds.
    pub(super) now: i64,
}

/// Finds what may be meant otherwise of an entry.
pub(super) fn concerns(seen: &Seen<'_>) -> Vec<Concern> {
    let Seen { entry, told, length, before, now } = seen;
    let mut found = Vec::new();
    if let Source::Http(source) = &entry.source {
        let expiry = fetch::signature_end(&source.url).and_then(|at| judge_expiry(at, *now, *before));
        found.extend(expiry.map(Concern::ExpiresSoon));
        if source.url.scheme() == "http" {
            found.push(Concern::InsecureUrl);
        }
    }
    if let Some(told) = told {
        let head = &told.head;
        let has = [
            (head.length.is_some(), "length"),
            (head.ranges, "byte ranges"),
            (head.validator.is_some(), "strong validator (ETag, or a Last-Modified that is a minute old)"),
        ];
        let missing: Vec<_> = has.into_iter().filter(|(has, _)| !has).map(|(_, what)| what).collect();
        if !missing.is_empty() {
            found.push(Concern::NotResumable(missing));
        }
        if length.is_none() {
            found.push(Concern::UnknownLength);
        }
    }
    if entry.compression == Compression::Deflate {
        let content_type = told.and_then(|told| told.content_type.as_deref());
        found.extend(plan::compressed_by(entry, content_type).map(Concern::AlreadyCompressed));
    }
    found.extend(entry.name.check_portable().err().map(Concern::NotPortable));
    found
}

/// Judges the end of a signature, for an entry that so many bytes precede.
fn judge_expiry(at: i64, now: i64, before: u64) -> Option<Expiry> {
    let turn = before / PACE;
    let left = at.saturating_sub(now);
    if left <= 0 {
        Some(Expiry::Past { at })
    } else if left <= SOON {
        Some(Expiry::Soon { at })
    } else {
        (left.unsigned_abs() <= turn).then_some(Expiry::BeforeTurn { at, turn })
    }
}

impl Concern {
    /// Returns the code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Concern::AlreadyCompressed(_) => "already_compressed",
            Concern::ExpiresSoon(_) => "expires_soon",
            Concern::InsecureUrl => "insecure_url",
            Concern::NotPortable(_) => "not_portable",
            Concern::NotResumable(_) => "not_resumable",
            Concern::Skipped(_) => "source_skipped",
            Concern::UnknownLength => "unknown_length",
        }
    }

    /// Returns the field of the file that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Concern::AlreadyCompressed(_) => "compression",
            Concern::ExpiresSoon(_)
            | Concern::InsecureUrl
            | Concern::NotResumable(_)
            | Concern::Skipped(_)
            | Concern::UnknownLength => "url",
            Concern::NotPortable(_) => "zipPath",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Concern::AlreadyCompressed(what) => {
                write!(f, "{what} is compressed already; DEFLATE costs time and gains nothing, use STORE")
            }
            Concern::ExpiresSoon(expiry) => expiry.fmt(f),
            Concern::InsecureUrl => {
                f.write_str("http: sources can be read and changed on their way; use https: where there is one")
            }
            Concern::NotPortable(why) => write!(f, "{why}; rename it if the archive is for Windows"),
            Concern::NotResumable(missing) => {
                let missing = missing.join(" and no ");
                write!(f, "the source has no {missing}: a body that breaks cannot be continued and fails the archive")
            }
            Concern::Skipped(why) => write!(f, "{why}; the archive would be made without it"),
            Concern::UnknownLength => {
                f.write_str("the source tells no length, so the archive's is not announced; declare size where it is known")
            }
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: &i64| value::rfc3339(*at).unwrap_or_else(|| format!("{at} (Unix seconds)"));
        match self {
            Expiry::Past { at } => write!(f, "the URL's signature ended at {}; sign it again", time(at)),
            Expiry::Soon { at } => {
                write!(f, "the URL's signature ends within a minute, at {}; sign it for longer", time(at))
            }
            Expiry::BeforeTurn { at, turn } => write!(
                f,
                "the URL's signature ends at {}, and at 10 MB/s its turn comes after {turn} s; \
                 sign it for longer, or put it earlier",
                time(at)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_signature_is_held_against_the_minute_and_the_turn() {
        let (at, gigabyte) = (1_795_168_800, 1_000_000_000);
        for (left, before, expected) in [
            (0, 0, Some(Expiry::Past { at })),
            (-1, u64::MAX, Some(Expiry::Past { at })),
            (1, 0, Some(Expiry::Soon { at })),
            (60, 0, Some(Expiry::Soon { at })),
            (61, 0, None),
            (101, gigabyte, None),
            (100, gigabyte, Some(Expiry::BeforeTurn { at, turn: 100 })),
            (3600, 36 * gigabyte, Some(Expiry::BeforeTurn { at, turn: 3600 })),
        ] {
            assert_eq!(judge_expiry(at, at - left, before), expected, "{left} {before}");
        }
        let shown = Expiry::BeforeTurn { at, turn: 3600 }.to_string();
        assert!(shown.contains("2026-11-20T10:00:00Z") && shown.contains("3600 s"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_time_is_too_far(at in any::<i64>(), now in any::<i64>(), before in any::<u64>()) {
            let judged = judge_expiry(at, now, before);
            prop_assert_eq!(at <= now, matches!(judged, Some(Expiry::Past { .. })));
            prop_assert!(judged.is_none_or(|expiry| !expiry.to_string().is_empty()));
        }
    }
}

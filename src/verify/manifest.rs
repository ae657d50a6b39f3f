//! The manifest as it stands in the archive, and what it says against it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::contents::Found;
use super::directory::Member;
use super::fault::Kind;
use crate::value;
use crate::zip::Timestamp;

/// What the archive's writer listed.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    entries: Vec<Line>,
}

/// One entry of the list. What says nothing about the archive's bytes is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    zip_path: String,
    status: Status,
    size: Option<u64>,
    crc32: Option<String>,
    sha256: Option<String>,
    /// CRC-32 of compressed bytes, of which many inflate to the same.
    compressed_crc32: Option<String>,
    /// Permissions in octal, which stand nowhere else than in the central directory.
    mode: Option<String>,
    /// When it was modified; `null` is the plan's time, which is the manifest's own. The outer `None` is no such field.
    #[serde(default, deserialize_with = "some")]
    last_modified: Option<Option<String>>,
}

/// Whether an entry is in the archive.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Skipped,
    Stored,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not JSON of the right shape.
    pub(super) fn parse(body: &[u8]) -> Result<Manifest, Kind> {
        serde_json::from_slice(body).map_err(|error| Kind::Manifest(error.to_string()))
    }

    /// Holds the archive's other entries against it, in their order; those that could not be read are known by name
    /// alone. `time` is when it was modified itself, in Unix seconds.
    pub(super) fn compare(
        &self,
        entries: &[(&Member, Option<&Found>)],
        time: i64,
        fault: &mut dyn FnMut(&str, Kind),
    ) {
        let mut lines = HashMap::with_capacity(self.entries.len());
        for (index, line) in self.entries.iter().enumerate() {
            if lines.insert(line.zip_path.as_str(), (index, line)).is_some() {
                fault(&line.zip_path, Kind::Manifest("it lists this entry more than once".to_owned()));
            }
        }
        let mut next = 0;
        for (member, found) in entries {
            let name = member.name.as_str();
            let Some((index, line)) = lines.remove(name) else {
                fault(name, Kind::Unlisted);
                continue;
            };
            if line.status == Status::Skipped {
                fault(name, Kind::Unskipped);
                continue;
            }
            if index < next {
                fault(name, Kind::Order);
            }
            next = next.max(index + 1);
            if let Some(found) = found {
                line.compare(member, found, time, &mut |kind| fault(name, kind));
            }
        }
        let mut missing: Vec<_> = lines.into_values().collect();
        missing.retain(|(_, line)| line.status == Status::Stored);
        missing.sort_by_key(|(index, _)| *index);
        missing.iter().for_each(|(_, line)| fault(&line.zip_path, Kind::Missing));
    }
}

impl Line {
    /// Holds what was read against the line. Size and checksums are proof and must be there; the rest may be.
    fn compare(&self, member: &Member, found: &Found, time: i64, fault: &mut dyn FnMut(Kind)) {
        let mut compare = |field, expected: Option<&str>, actual: String| match expected {
            Some(expected) if expected.eq_ignore_ascii_case(&actual) => {}
            Some(expected) => fault(Kind::Listed { field, expected: expected.to_owned(), actual }),
            None => fault(Kind::Listed { field, expected: "nothing".to_owned(), actual }),
        };
        let size = self.size.map(|size| size.to_string());
        compare("size", size.as_deref(), found.digest.size.to_string());
        compare("CRC-32", self.crc32.as_deref(), format!("{:08x}", found.digest.crc32));
        if let Some(sha256) = found.sha256 {
            compare("SHA-256", self.sha256.as_deref(), hex::encode(sha256));
        }
        if self.mode.is_some() {
            compare("mode", self.mode.as_deref(), format!("{:04o}", member.mode));
        }
        if self.compressed_crc32.is_some() {
            let actual = format!("{:08x}", found.compressed_crc32);
            compare("compressed CRC-32", self.compressed_crc32.as_deref(), actual);
        }
        if let Some(listed) = &self.last_modified {
            let expected = match listed {
                Some(text) => OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp),
                None => Some(time),
            };
            let is_same = |expected| {
                Timestamp::from_unix(expected).is_written_as(Timestamp::from_unix(member.modified))
            };
            if !expected.is_some_and(is_same) {
                let shown = |time| value::rfc3339(time).unwrap_or_else(|| time.to_string());
                let expected = listed.clone().unwrap_or_else(|| shown(time));
                fault(Kind::Listed { field: "modification time", expected, actual: shown(member.modified) });
            }
        }
    }
}

/// Reads a field that is there, whatever it holds.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

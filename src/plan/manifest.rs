//! The manifest: a last entry that lists all others, so that an archive can be held against what was put into it.
//!
//! ```text
//! {"entries":[
//! {"zipPath":"a.gz","url":"https://…/a.gz","status":"stored","size":5,"crc32":"3610a686","sha256":"2cf2…",…},
//! {"zipPath":"b.gz",…,"status":"skipped",…,"error":{"code":"source_status","detail":"the source answered 404 Not Found"}}
//! ]}
//! ```
//! It is a function of the plan and of the contents: no clock reaches it, and no order but the archive's. Checksums
//! have a fixed width, so its length is known as soon as all sizes are. It is always stored, whatever the archive's
//! compression: then most readers can read it, and none has to be trusted with more than bytes.

use serde::Serialize;

use crate::descriptor::{self, EntryName};
use crate::value;
use crate::zip::{self, Content, Digest, Method, Timestamp};

use super::{Checksums, Entry, Validator};

/// The permissions of a manifest: `rw-r--r--`.
const MODE: u16 = 0o644;

/// The last entry of an archive, which lists the others.
#[derive(Debug)]
pub struct Manifest {
    /// Whether entries may be left out.
    pub skips: bool,
    modified: Timestamp,
    name: EntryName,
}

/// What is known of an entry whose bytes have all passed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Their number.
    pub size: u64,
    /// Their checksums, SHA-256 among them.
    pub checksums: Checksums,
}

/// Why an entry was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// As in problem documents.
    pub code: &'static str,
    /// In words.
    pub detail: String,
}

/// One entry as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    zip_path: &'a str,
    url: Option<String>,
    status: &'static str,
    size: Option<u64>,
    crc32: Option<String>,
    sha256: Option<String>,
    /// Of the data as it stands in the archive: what no other field tells of compressed data.
    #[serde(skip_serializing_if = "Option::is_none")]
    compressed_crc32: Option<String>,
    /// Permissions, which stand in the archive once only.
    mode: Option<String>,
    last_modified: Option<String>,
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Skipped>,
}

impl Manifest {
    pub(super) fn new(manifest: descriptor::Manifest, time: i64) -> Manifest {
        let descriptor::Manifest { name, skips } = manifest;
        Manifest { skips, modified: Timestamp::from_unix(time), name }
    }

    /// Its bytes, by the entries in the order of the archive, each with the proof of one that is not left out.
    pub fn write<'e>(&self, entries: impl IntoIterator<Item = (&'e Entry, Option<Proof>)>) -> Vec<u8> {
        let mut out = b"{\"entries\":[".to_vec();
        for (index, (entry, proof)) in entries.into_iter().enumerate() {
            out.extend(if index == 0 { &b"\n"[..] } else { b",\n" });
            // Texts, numbers and nothing else: none of it can fail to be written.
            out.extend(serde_json::to_vec(&Line::of(entry, proof)).unwrap_or_default());
        }
        out.extend(b"\n]}\n");
        out
    }

    /// The manifest as the encoder takes it.
    ///
    /// # Errors
    /// When the format cannot hold the name; legal entry names are far shorter than that.
    pub fn encoded(&self, digest: Digest) -> Result<zip::Entry, zip::Error> {
        let content = Content::Known { digest, compressed_size: digest.size };
        let (name, modified) = (zip::Name::new(self.name.as_str())?, self.modified);
        Ok(zip::Entry { name, method: Method::Store, modified, mode: MODE, content })
    }

    /// The manifest as a layout takes it: right in its length, where those of all entries are known and none can be
    /// left out.
    pub(super) fn sketch(&self, entries: &[Entry]) -> Option<zip::Entry> {
        let size = self.blank(entries)?.len() as u64;
        self.encoded(Digest { crc32: 0, size }).ok()
    }

    /// All that it says beside checksums, and its local file header, for comparison.
    pub(super) fn frame(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        let header = zip::Encoder::new().begin(self.sketch(entries)?).ok()?;
        Some([&header[..], &self.blank(entries)?].concat())
    }

    /// Its bytes with zeros for checksums, where the lengths of all entries are known and none can be left out.
    fn blank(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        if self.skips {
            return None;
        }
        let proof = |entry: &Entry| {
            let compressed_crc32 = (entry.method() != Method::Store).then_some(0);
            let checksums = Checksums { crc32: 0, compressed_crc32, sha256: Some([0; 32]) };
            Some(Some(Proof { size: entry.length()?, checksums }))
        };
        let proofs: Option<Vec<_>> = entries.iter().map(proof).collect();
        Some(self.write(entries.iter().zip(proofs?)))
    }
}

impl<'a> Line<'a> {
    fn of(entry: &'a Entry, proof: Option<Proof>) -> Line<'a> {
        let checksums = proof.map(|proof| proof.checksums);
        let validator = entry.head.as_ref().and_then(|head| head.validator.as_ref());
        Line {
            zip_path: entry.name(),
            url: Some(entry.source.shown()).filter(|url| !url.is_empty()),
            status: if proof.is_some() { "stored" } else { "skipped" },
            size: proof.map(|proof| proof.size),
            crc32: checksums.map(|checksums| format!("{:08x}", checksums.crc32)),
            sha256: checksums.and_then(|checksums| Some(hex::encode(checksums.sha256?))),
            compressed_crc32: checksums
                .and_then(|checksums| Some(format!("{:08x}", checksums.compressed_crc32?))),
            mode: proof.map(|_| format!("{:04o}", entry.mode())),
            last_modified: entry.told_modified.and_then(value::rfc3339),
            etag: match validator {
                Some(Validator::ETag(tag)) => Some(tag),
                Some(Validator::LastModified(_)) | None => None,
            },
            error: entry.skipped.as_ref(),
        }
    }
}

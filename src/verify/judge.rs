//! The judge: walks the entries in their order, with an encoder beside it that writes the same archive again.

use std::collections::HashSet;
use std::io;

use bytes::Bytes as Octets;

use super::contents::{Found, Reading};
use super::directory::{self, Directory, Member, u16_at};
use super::fault::{Fault, Kind};
use super::field::{self, differing};
use super::manifest::Manifest;
use super::section::Bytes;
use super::{Against, Listener, Verdict};
use crate::descriptor::EntryName;
use crate::zip::{Content, Digest, Encoder, Entry, Method, Name, Timestamp};

/// The longest manifest that is read, in bytes: it is held in memory, and half a million entries need less.
const LONGEST_MANIFEST: u64 = 256 << 20;
/// Permission bits that this program gives nobody: set-uid, set-gid, sticky.
const SPECIAL: u16 = 0o7000;
/// The permissions that every manifest has: nothing lists them.
const MANIFEST_MODE: u16 = 0o644;
/// Bit 3 of the flags: a data descriptor follows (APPNOTE 4.4.4).
const FLAG_DATA_DESCRIPTOR: u16 = 1 << 3;
/// Version needed of whatever uses ZIP64.
const VERSION_ZIP64: u16 = 45;

/// An archive that is being judged.
pub(super) struct Judge<'a> {
    bytes: Bytes<'a>,
    manifest: Option<&'a str>,
    listener: &'a mut dyn Listener,
    faults: usize,
    /// Writes the archive again, as far as it was whole.
    encoder: Encoder,
    /// Whether the encoder has seen everything from the first byte on.
    aligned: bool,
    /// Where the data that was read ends.
    read: u64,
    /// What the manifest holds.
    listing: Vec<u8>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(bytes: Bytes<'a>, against: &'a Against, listener: &'a mut dyn Listener) -> Judge<'a> {
        let manifest = match against {
            Against::Manifest(name) => Some(name.as_str()),
            Against::Itself => None,
        };
        let (encoder, listing) = (Encoder::new(), Vec::new());
        Judge { bytes, manifest, listener, faults: 0, encoder, aligned: true, read: 0, listing }
    }

    /// Judges it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn judge(mut self) -> io::Result<Verdict> {
        let directory = match directory::read(self.bytes)? {
            Ok(directory) => directory,
            Err(kind) => {
                self.fault(None, kind);
                return Ok(Verdict { entries: 0, faults: self.faults });
            }
        };
        if directory.end < self.bytes.length {
            self.fault(None, Kind::Trailing(self.bytes.length - directory.end));
        }
        self.judge_names(&directory.members);
        let mut found = Vec::with_capacity(directory.members.len());
        let manifest = self.manifest.and_then(|name| place(name, &directory.members));
        for (index, member) in directory.members.iter().enumerate() {
            found.push(self.judge_entry(member, manifest == Some(index), directory.begin)?);
        }
        self.judge_directory(&directory, &found)?;
        self.judge_manifest(&directory.members, &found);
        self.listener.note_progress(self.bytes.length);
        Ok(Verdict { entries: directory.members.len(), faults: self.faults })
    }

    /// Names must be safe to extract, and each there once.
    fn judge_names(&mut self, members: &[Member]) {
        let mut names = HashSet::with_capacity(members.len());
        for Member { name, .. } in members {
            if let Err(error) = EntryName::parse(name) {
                self.fault(Some(name), Kind::Name(error.to_string()));
            }
            if !names.insert(name) {
                self.fault(Some(name), Kind::Duplicate);
            }
        }
    }

    /// One entry: what stands before its data, its data, what stands behind it.
    fn judge_entry(&mut self, member: &Member, is_manifest: bool, end: u64) -> io::Result<Option<Found>> {
        let name = Some(&member.name);
        let is_within = member.offset < self.read;
        if self.encoder.position() != member.offset && self.aligned || is_within {
            let expected = if is_within { self.read } else { self.encoder.position() };
            self.fault(name, Kind::Place { expected, actual: member.offset });
            self.aligned = false;
        }
        if is_within {
            // What a small file repeats in many entries would be read for hours.
            return Ok(None);
        }
        if !self.aligned {
            self.encoder = Encoder::new();
        }
        let begun = match member.to_entry(self.bytes)? {
            Some(entry) => self.encoder.begin(entry.clone()).map(|header| (entry.method, header)).ok(),
            None => None,
        };
        let Some((method, header)) = begun else {
            self.aligned = false;
            self.fault(name, Kind::Header { part: "central header", field: "method, name or size" });
            return Ok(None);
        };
        self.compare(name, "local file header", field::LOCAL, &header, member.offset)?;
        let data = member.offset.saturating_add(header.len() as u64);
        let behind = data.saturating_add(member.compressed_size);
        if behind > end {
            self.aligned = false;
            let (expected, actual) = (member.compressed_size, end.saturating_sub(data));
            self.fault(name, Kind::Size { expected, actual });
            return Ok(None);
        }
        if is_manifest && let Some(why) = unread(method, member) {
            self.aligned = false;
            self.fault(name, Kind::Manifest(why));
            return Ok(None);
        }
        let mut listing = std::mem::take(&mut self.listing);
        let hashes = self.manifest.is_some() && !is_manifest;
        let reading = Reading::new(member.size, hashes, is_manifest.then_some(&mut listing));
        let mut position = data;
        let read = reading.read(self.bytes.section(data, behind), method, |bytes| {
            match method {
                Method::Deflate | Method::StoredBlocks => self.encoder.deflated(bytes.len() as u64),
                // What contradicts the header shows when the entry ends.
                Method::Store => _ = self.encoder.stored(bytes),
            }
            position += bytes.len() as u64;
            self.listener.note_progress(position);
        })?;
        (self.listing, self.read) = (listing, position);
        let found = match read {
            Ok(found) => found,
            Err(kind) => {
                self.aligned = false;
                self.fault(name, kind);
                return Ok(None);
            }
        };
        let sound = self.judge_digest(member, found.digest);
        let ended = self.encoder.end((method == Method::Deflate).then_some(found.digest));
        match ended {
            Ok(descriptor) if sound => {
                self.compare(name, "data descriptor", field::DESCRIPTOR, &descriptor, behind)?
            }
            // Of damaged data it cannot tell the same.
            Ok(_) => {}
            Err(error) => {
                self.aligned = false;
                if sound {
                    self.fault(name, Kind::Unencodable(error.to_string()));
                }
            }
        }
        Ok(Some(found))
    }

    /// What was read must be what the central directory tells.
    fn judge_digest(&mut self, member: &Member, digest: Digest) -> bool {
        let before = self.faults;
        if digest.size != member.size {
            let (expected, actual) = (member.size, digest.size);
            self.fault(Some(&member.name), Kind::Size { expected, actual });
        }
        if digest.crc32 != member.crc32 {
            let (expected, actual) = (member.crc32, digest.crc32);
            self.fault(Some(&member.name), Kind::Crc32 { expected, actual });
        }
        if member.mode & SPECIAL != 0 {
            let (part, field) = ("central header", "external attributes");
            self.fault(Some(&member.name), Kind::Header { part, field });
        }
        before == self.faults
    }

    /// The central directory and the end records, octet by octet.
    fn judge_directory(&mut self, directory: &Directory, found: &[Option<Found>]) -> io::Result<()> {
        if !self.aligned {
            return Ok(());
        }
        let encoder = std::mem::take(&mut self.encoder);
        if encoder.position() != directory.begin {
            let (expected, actual) = (encoder.position(), directory.begin);
            self.fault(None, Kind::Place { expected, actual });
            return Ok(());
        }
        let Ok(pieces) = encoder.finish() else { return Ok(()) };
        let expected = pieces.concat();
        let is_shifted = expected.len() as u64 != directory.end - directory.begin;
        // Comments and extra fields of others, which may be long, are not looked at.
        let actual = self.bytes.read(directory.begin, expected.len() as u64)?;
        let (mut expected, mut actual) = (expected.as_slice(), actual.as_slice());
        for (member, found) in directory.members.iter().zip(found) {
            let length = (member.length as usize).min(expected.len()).min(actual.len());
            let (own, theirs) = (&expected[..length], &actual[..length]);
            (expected, actual) = (&expected[length..], &actual[length..]);
            let Some(field) = differing(field::CENTRAL, own, theirs) else { continue };
            // Of damaged data the header cannot tell the same; that is told already.
            if found.as_ref().is_some_and(|found| found.digest == member.digest()) {
                self.fault(Some(&member.name), Kind::Header { part: "central header", field });
            }
            if is_shifted {
                return Ok(());
            }
        }
        if expected != actual || is_shifted {
            self.fault(None, Kind::Structure("end of central directory"));
        }
        Ok(())
    }

    /// Holds the entries against the manifest.
    fn judge_manifest(&mut self, members: &[Member], found: &[Option<Found>]) {
        let Some(name) = self.manifest else { return };
        let Some(at) = place(name, members) else {
            return self.fault(None, Kind::NoManifest(name.to_owned()));
        };
        if at + 1 != members.len() {
            self.fault(Some(&members[at].name), Kind::ManifestPlace);
        }
        if members[at].mode != MANIFEST_MODE {
            let (part, field) = ("central header", "external attributes");
            self.fault(Some(&members[at].name), Kind::Header { part, field });
        }
        // Its own damage is told already.
        if found[at].is_none() {
            return;
        }
        let manifest = match Manifest::parse(&self.listing) {
            Ok(manifest) => manifest,
            Err(kind) => return self.fault(Some(&members[at].name), kind),
        };
        let others = members.iter().zip(found).enumerate().filter(|(index, _)| *index != at);
        let others: Vec<_> = others.map(|(_, (member, found))| (member, found.as_ref())).collect();
        manifest.compare(&others, members[at].modified, &mut |entry, kind| {
            self.faults += 1;
            self.listener.note_fault(Fault { entry: Some(entry.to_owned()), kind });
        });
    }

    /// Compares a structure with what the encoder writes in its place.
    fn compare(
        &mut self,
        entry: Option<&String>,
        part: &'static str,
        fields: &'static [(usize, &'static str)],
        expected: &Octets,
        at: u64,
    ) -> io::Result<()> {
        let actual = self.bytes.read(at, expected.len() as u64)?;
        if let Some(field) = differing(fields, expected, &actual) {
            self.fault(entry, Kind::Header { part, field });
        }
        Ok(())
    }

    fn fault(&mut self, entry: Option<&String>, kind: Kind) {
        self.faults += 1;
        self.listener.note_fault(Fault { entry: entry.cloned(), kind });
    }
}

/// Where the manifest stands: the last entry of its name.
fn place(manifest: &str, members: &[Member]) -> Option<usize> {
    members.iter().rposition(|member| member.name == manifest)
}

/// Why a manifest is not read, if it is not: it must be no more than what it takes in the archive.
fn unread(method: Method, manifest: &Member) -> Option<String> {
    if method != Method::Store {
        return Some("it is compressed, which those of ZipStream are not".to_owned());
    }
    let size = manifest.size.max(manifest.compressed_size);
    (size > LONGEST_MANIFEST).then(|| format!("its {size} bytes are more than {LONGEST_MANIFEST}"))
}

impl Member {
    /// What the central directory tells of the data.
    fn digest(&self) -> Digest {
        Digest { crc32: self.crc32, size: self.size }
    }

    /// The entry as it was announced to the encoder that wrote it; `None` of one that this program cannot have written.
    fn to_entry(&self, bytes: Bytes<'_>) -> io::Result<Option<Entry>> {
        let method = match self.method {
            0 => Method::Store,
            // Stored blocks are DEFLATE to whoever reads them.
            8 => Method::Deflate,
            _ => return Ok(None),
        };
        let digest = self.digest();
        let content = if self.flags & FLAG_DATA_DESCRIPTOR == 0 {
            Content::Known { digest, compressed_size: self.compressed_size }
        } else {
            // Whether the length was known shows in the local file header alone, and only of a large entry.
            let local = bytes.read(self.offset, 6)?;
            let is_large = local.len() == 6 && u16_at(&local, 4) == VERSION_ZIP64;
            Content::Streamed { length: is_large.then_some(self.size) }
        };
        let (modified, mode) = (Timestamp::from_unix(self.modified), self.mode);
        let name = Name::new(&self.name).ok();
        Ok(name.map(|name| Entry { name, method, modified, mode, content }))
    }
}

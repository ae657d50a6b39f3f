//! `zipstream verify`: archives of all forms, and whatever may have happened to them since.

mod command;
mod flipped;
mod large;
mod tampered;

use std::io::Write;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zipstream::value::rfc3339;
use zipstream::verify::{Against, Fault, Listener, Verdict, verify};
use zipstream::zip::{Crc32, Method};

use crate::zip::archive::{MODIFIED, Part, encode};

/// The faults of an archive, as lines.
#[derive(Default)]
struct Heard(Vec<String>);

impl Listener for Heard {
    fn note_progress(&mut self, _: u64) {}

    fn note_fault(&mut self, fault: Fault) {
        self.0.push(fault.to_string());
    }
}

/// The manifest under its usual name.
fn usual() -> Against {
    Against::Manifest("MANIFEST.json".to_owned())
}

/// Judges a file.
fn judge_file(file: &std::fs::File, against: &Against) -> (usize, Vec<String>) {
    let mut heard = Heard::default();
    let Verdict { entries, faults } = verify(file, against, &mut heard).unwrap();
    assert_eq!(faults, heard.0.len());
    (entries, heard.0)
}

/// What is wrong with an archive.
fn faults(archive: &[u8]) -> Vec<String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    judge_file(&file, &usual()).1
}

/// CRC-32 as a manifest writes it.
fn crc32(data: &[u8]) -> String {
    let mut crc32 = Crc32::new();
    crc32.update(data);
    format!("{:08x}", crc32.value())
}

/// What a manifest tells of an entry.
fn line(part: &Part) -> Value {
    let mut line = json!({
        "zipPath": part.entry.name.as_str(), "url": "https://example.com/a", "status": "stored",
        "size": part.data.len(), "crc32": crc32(&part.data), "sha256": hex::encode(Sha256::digest(&part.data)),
        "etag": "\"v1\"",
    });
    // The manifest's own time is the plan's, which is that of entries of which nobody told one.
    match part.entry.modified.as_unix() {
        MODIFIED => line["lastModified"] = Value::Null,
        told => _ = rfc3339(told).map(|told| line["lastModified"] = json!(told)),
    }
    line
}

/// The same, with what else can be told: then no bit is left that nothing repeats.
fn full_line(part: &Part) -> Value {
    let mut line = line(part);
    line["mode"] = json!(format!("{:04o}", part.entry.mode));
    if part.entry.method == Method::Deflate {
        line["compressedCrc32"] = json!(crc32(&part.encoded()));
    }
    line
}

/// A manifest of these lines.
fn manifest(lines: Vec<Value>) -> Part {
    Part::known("MANIFEST.json", json!({ "entries": lines }).to_string().as_bytes())
}

/// The archive of these parts and of a manifest that lists them.
fn listed(parts: &[Part], line: fn(&Part) -> Value) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.push(manifest(parts.iter().map(line).collect()));
    encode(&parts, 1000)
}

/// Entries of every form that small data can have.
fn every_form() -> Vec<Part> {
    let text = b"Some text, some more text, and some more text again. ".repeat(4);
    let mut parts = vec![
        Part::known("known.txt", b"known"),
        Part::known("Gr\u{fc}\u{df}e/empty", b""),
        Part::directory("directory/"),
        Part::known_deflate("directory/deflated.txt", &text),
        Part::announced("directory/streamed.bin", Method::Store, b"streamed bytes"),
        Part::unknown("directory/unknown.bin", Method::Store, b"as many as come"),
        Part::announced("directory/deflating.txt", Method::Deflate, &text),
        Part::unknown("directory/unknown.txt", Method::Deflate, &text),
    ];
    parts[0].entry.mode = 0o755;
    parts[1].entry.modified = zipstream::zip::Timestamp::from_unix(0);
    parts[4].entry.modified = zipstream::zip::Timestamp::from_unix(4_000_000_000);
    parts
}

#[test]
fn archives_of_all_forms_are_sound() {
    assert_eq!(faults(&listed(&every_form(), line)), Vec::<String>::new());
    assert_eq!(faults(&listed(&every_form(), full_line)), Vec::<String>::new());
    assert_eq!(faults(&listed(&[], line)), Vec::<String>::new());
    let long: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7 + i) as u8).collect();
    let parts = [
        Part::unknown("stored", Method::Store, &long),
        Part::unknown("deflated", Method::Deflate, &long),
        Part::known_deflate("zeros", &vec![0; 10 << 20]),
    ];
    assert_eq!(faults(&listed(&parts, full_line)), Vec::<String>::new());
}

#[test]
fn times_at_the_edges_of_their_fields_are_sound() {
    let edges = [315_532_799, 315_532_801, 2_147_483_646, 2_147_483_647, 2_147_483_648, 2_147_483_649];
    let far = [i64::MIN, -62_167_219_200, -1, 0, 4_354_819_199, 4_354_819_200, 253_402_300_799, i64::MAX];
    let seconds = [&edges[..], &far].concat();
    let parts: Vec<Part> = seconds
        .iter()
        .map(|seconds| {
            let mut part = Part::known(&seconds.to_string(), b"x");
            part.entry.modified = zipstream::zip::Timestamp::from_unix(*seconds);
            part
        })
        .collect();
    assert_eq!(faults(&listed(&parts, full_line)), Vec::<String>::new());
}

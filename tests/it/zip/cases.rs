//! Every layout in small, read by everybody who must be able to.

use std::io::Write;
use std::process::Command;

use zipstream::zip::{Method, Timestamp};

use super::archive::{Part, encode, expected, layout};
use crate::support::readers::{Kind, judge};

/// Judges an archive, and holds it equal to its layout and to the same archive fed byte by byte.
fn check(parts: &[Part], kind: Kind) -> Vec<u8> {
    let archive = encode(parts, usize::MAX);
    assert!(archive == encode(parts, 1), "an archive depends on how its data was cut");
    if let Some(layout) = layout(parts) {
        assert_eq!(layout.length(), archive.len() as u64);
    }
    judge(&archive, &expected(parts), kind);
    archive
}

/// Data of a length at the edges, neither constant nor random.
fn data(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * i / 7 + i) as u8).collect()
}

/// Lengths at which something may go wrong, in bytes.
const LENGTHS: [usize; 9] = [0, 1, 65_534, 65_535, 65_536, (64 << 10) + 1, 131_070, 131_071, (1 << 20) + 1];

/// Entries of every length at the edges.
fn every_length(part: impl Fn(&str, &[u8]) -> Part) -> Vec<Part> {
    LENGTHS.iter().map(|length| part(&format!("of/{length}.bin"), &data(*length))).collect()
}

#[test]
fn an_archive_without_entries() {
    assert_eq!(check(&[], Kind::Known).len(), 22);
}

#[test]
fn known_entries() {
    let mut parts = every_length(Part::known);
    parts.extend(every_length(Part::known_deflate).into_iter().map(|mut part| {
        part.entry.name = zipstream::zip::Name::new(&format!("deflated/{}", part.entry.name)).unwrap();
        part
    }));
    parts.push(Part::directory("empty directory/"));
    check(&parts, Kind::Known);
}

#[test]
fn streamed_stored_entries() {
    check(&every_length(|name, data| Part::announced(name, Method::Store, data)), Kind::StreamedStore);
    check(&every_length(|name, data| Part::unknown(name, Method::Store, data)), Kind::StreamedStore);
}

#[test]
fn streamed_deflated_entries() {
    check(&every_length(|name, data| Part::announced(name, Method::Deflate, data)), Kind::StreamedDeflate);
    check(&every_length(|name, data| Part::unknown(name, Method::Deflate, data)), Kind::StreamedDeflate);
}

#[test]
fn stored_blocks() {
    check(&every_length(Part::known_blocks), Kind::Known);
    let announced = every_length(|name, data| Part::announced(name, Method::StoredBlocks, data));
    check(&announced, Kind::StreamedDeflate);
    let unknown = every_length(|name, data| Part::unknown(name, Method::StoredBlocks, data));
    check(&unknown, Kind::StreamedDeflate);
}

#[test]
fn all_forms_in_one_archive() {
    let parts = [
        Part::known("known.txt", b"known"),
        Part::directory("directory/"),
        Part::announced("directory/announced.txt", Method::Store, b"announced"),
        Part::unknown("directory/unknown.txt", Method::Store, b"unknown"),
        Part::unknown("directory/deflated.txt", Method::Deflate, b"deflated"),
        Part::announced("directory/blocks.txt", Method::StoredBlocks, b"blocks"),
        Part::known("last", b""),
    ];
    check(&parts, Kind::StreamedStore);
}

#[test]
fn an_archive_within_a_streamed_entry() {
    let inner = encode(
        &[Part::announced("inner", Method::Store, b"PK\x07\x08 is no end"), Part::known("b", b"b")],
        7,
    );
    let parts = [Part::unknown("inner.zip", Method::Deflate, &inner), Part::known("after", b"after")];
    check(&parts, Kind::StreamedDeflate);
    let parts = [Part::known("inner.zip", &inner), Part::directory("after/")];
    check(&parts, Kind::Known);
}

#[test]
fn names_in_every_script() {
    let names = [
        "ASCII name.txt",
        "Grüße.txt",
        "日本語/ファイル.bin",
        "emoji 🎉",
        ".hidden",
        "..a",
        "кириллица/",
        "a'b\"c",
    ];
    let parts: Vec<Part> =
        names.iter().map(|name| Part::known(name, if name.ends_with('/') { b"" } else { b"x" })).collect();
    let archive = check(&parts, Kind::Known);
    // The flags of the local file headers, 6 bytes in: bit 11 exactly where a name is not ASCII.
    for (name, piece) in names.iter().zip(layout(&parts).unwrap().pieces()) {
        let at = piece.header as usize + 6;
        let flags = u16::from_le_bytes([archive[at], archive[at + 1]]);
        assert_eq!(flags, if name.is_ascii() { 0 } else { 0x0800 }, "{name}");
    }
}

#[test]
fn a_name_as_long_as_its_field() {
    // Only readers that extract nothing: no file system holds such a name.
    let name = "n".repeat(65_535);
    let archive = encode(&[Part::known(&name, b"x")], 1);
    assert_eq!(layout(&[Part::known(&name, b"x")]).unwrap().length(), archive.len() as u64);
    let read = rc_zip_sync::ReadZip::read_zip(&archive).unwrap();
    assert_eq!(read.by_name(&name).unwrap().bytes().unwrap(), b"x");
}

#[test]
fn modes_and_times_reach_the_extracted_files() {
    let mut parts = vec![
        Part::known("script.sh", b"#!/bin/sh"),
        Part::announced("secret", Method::Store, b"secret"),
        Part::directory("directory/"),
        Part::known("before MS-DOS", b""),
        Part::known("after 32 bits", b""),
    ];
    parts[0].entry.mode = 0o755;
    parts[1].entry.mode = 0o600;
    parts[3].entry.modified = Timestamp::from_unix(86_400);
    parts[4].entry.modified = Timestamp::from_unix(i64::MAX);
    let archive = check(&parts, Kind::StreamedStore);
    let directory = tempfile::tempdir().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&archive).unwrap();
    for (reader, arguments) in [("unzip", ["-qq", "-d"]), ("bsdtar", ["-xpf", "-C"])] {
        let to = directory.path().join(reader);
        std::fs::create_dir(&to).unwrap();
        let mut command = Command::new(reader);
        command.arg(arguments[0]).arg(file.path()).arg(arguments[1]).arg(&to);
        assert!(command.status().unwrap().success());
        let stat = |name: &str| {
            let output = Command::new("stat").args(["-c", "%a %Y %F"]).arg(to.join(name)).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(stat("script.sh"), "755 1795180456 regular file\n", "{reader}");
        assert_eq!(stat("secret"), "600 1795180456 regular file\n", "{reader}");
        assert_eq!(stat("directory"), "755 1795180456 directory\n", "{reader}");
        assert_eq!(stat("before MS-DOS"), "644 86400 regular empty file\n", "{reader}");
        assert_eq!(stat("after 32 bits"), "644 2147483647 regular empty file\n", "{reader}");
    }
}

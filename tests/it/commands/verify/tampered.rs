//! Archives that somebody changed, cut, or put together anew.

use std::os::unix::fs::FileExt;

use serde_json::json;
use zipstream::zip::{Content, Digest, Encoder, Method};

use super::{every_form, faults, full_line, judge_file, line, listed, manifest, usual};
use crate::zip::archive::{Part, encode};

/// Three entries of as many bytes.
fn three() -> Vec<Part> {
    ["a", "b", "c"].map(|name| Part::known(name, name.repeat(100).as_bytes())).to_vec()
}

/// The archive of these parts under the manifest of others.
fn under(manifest: Part, parts: &[Part]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.push(manifest);
    encode(&parts, 1000)
}

/// Asserts that these are all faults, by their beginnings.
fn assert_faults(archive: &[u8], expected: &[&str], what: &str) {
    let faults = faults(archive);
    let matches = faults.iter().zip(expected).all(|(fault, expected)| fault.starts_with(expected));
    assert!(faults.len() == expected.len() && matches, "{what}: {faults:#?}");
}

#[test]
fn entries_that_are_not_what_the_manifest_lists() {
    let list = || manifest(three().iter().map(line).collect());
    let [a, b, c] = three().try_into().unwrap();
    let renamed = Part::known("B", &b.data);
    let changed = Part::known("b", &[b'x'; 100]);
    let longer = Part::known("b", &[b'b'; 101]);
    let added = Part::known("d", b"d");
    let [a, b, c] = [&a, &b, &c].map(|part| move || part.clone());
    for (what, parts, expected) in [
        ("missing", vec![a(), c()], &["b: it is missing"][..]),
        ("added", vec![a(), b(), added, c()], &["d: the manifest does not list it"]),
        ("renamed", vec![a(), renamed, c()], &["B: the manifest does not list it", "b: it is missing"]),
        ("reordered", vec![b(), a(), c()], &["a: the manifest lists it at another place"]),
        (
            "duplicated",
            vec![a(), b(), b(), c()],
            &["b: there is more than one", "b: the manifest does not list it"],
        ),
        ("changed", vec![a(), changed, c()], &["b: its CRC-32 is", "b: its SHA-256 is"]),
        (
            "longer",
            vec![a(), longer, c()],
            &["b: its size is 101, the manifest says 100", "b: its CRC", "b: its SHA"],
        ),
        ("all gone", vec![], &["a: it is missing", "b: it is missing", "c: it is missing"]),
    ] {
        assert_faults(&under(list(), &parts), expected, what);
    }
}

#[test]
fn manifests_that_are_wrong() {
    let parts = three();
    let with = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut lines: Vec<_> = parts.iter().map(line).collect();
        change(&mut lines);
        under(manifest(lines), &parts)
    };
    let zeros = "0".repeat(64);
    assert_faults(&with(&|lines| lines[1]["sha256"] = json!(zeros)), &["b: its SHA-256 is "], "sha256");
    assert_faults(&with(&|lines| lines[1]["crc32"] = json!("00000000")), &["b: its CRC-32 is "], "crc32");
    assert_faults(&with(&|lines| lines[1]["size"] = json!(1)), &["b: its size is 100, "], "size");
    assert_faults(&with(&|lines| lines[1]["sha256"] = json!(null)), &["b: its SHA-256 is "], "no sha256");
    assert_faults(&with(&|lines| lines[1]["mode"] = json!("0600")), &["b: its mode is 0644, "], "mode");
    let skipped = |lines: &mut Vec<serde_json::Value>| lines[1]["status"] = json!("skipped");
    assert_faults(&with(&skipped), &["b: the manifest says that it was left out"], "skipped");
    let skips =
        json!({ "zipPath": "d", "status": "skipped", "error": { "code": "source_status", "detail": "404" } });
    assert_faults(&with(&|lines| lines.push(skips.clone())), &[], "one that was left out");
    let twice = |lines: &mut Vec<serde_json::Value>| lines.insert(1, lines[0].clone());
    assert_faults(&with(&twice), &["a: the manifest cannot be read: it lists this entry"], "twice");
    for body in ["", "[]", "{}", r#"{"entries":[{"zipPath":"a"}]}"#, r#"{"entries":[]"#] {
        let archive = under(Part::known("MANIFEST.json", body.as_bytes()), &parts);
        assert_faults(&archive, &["MANIFEST.json: the manifest cannot be read: "], body);
    }
    assert_faults(&encode(&parts, 1000), &["the archive: it has no \"MANIFEST.json\""], "none");
    let mut first = parts.clone();
    first.insert(0, manifest(parts.iter().map(line).collect()));
    assert_faults(&encode(&first, 1000), &["MANIFEST.json: the manifest is not the last entry"], "first");
}

#[test]
fn names_that_must_not_be_extracted() {
    for name in ["../a", "/etc/passwd", "a\\b", "C:/a", "a/../../b", "a\u{202e}b"] {
        let archive = listed(&[Part::known(name, b"x")], line);
        let faults = faults(&archive);
        assert!(faults.len() == 1 && faults[0].contains("its name is not safe"), "{name}: {faults:?}");
        assert!(!faults[0].contains('\u{202e}'), "{name}");
    }
}

#[test]
fn archives_that_were_cut_or_lengthened() {
    let archive = listed(&every_form(), line);
    for length in 0..archive.len() {
        assert!(!faults(&archive[..length]).is_empty(), "cut to {length}");
    }
    for (garbage, expected) in
        [(1, "the archive: 1 bytes follow its end"), (70_000, "the archive: it has no end")]
    {
        assert_faults(&[&archive[..], &vec![b'x'; garbage]].concat(), &[expected], "trailing");
    }
    // As somebody would hide something in a comment: the length of it is told.
    let mut commented = [&archive[..], b"comment"].concat();
    commented[archive.len() - 2] = 7;
    assert!(!faults(&commented).is_empty());
    let front = [b"#!/bin/sh\n", &archive[..]].concat();
    assert!(!faults(&front).is_empty());
}

#[test]
fn bytes_in_between_that_belong_to_nothing() {
    // All offsets are put right, as a tool would that hides something between two entries.
    let parts = three();
    let archive = listed(&parts, line);
    let second = (1..).find(|at| archive[*at..].starts_with(b"PK\x03\x04")).unwrap();
    let mut hidden = [&archive[..second], b"hidden", &archive[second..]].concat();
    let headers: Vec<usize> =
        (0..hidden.len() - 4).filter(|at| hidden[*at..].starts_with(b"PK\x01\x02")).collect();
    let end = hidden.len() - 22;
    for at in headers[1..].iter().map(|header| header + 42).chain([end + 16]) {
        let moved = u32::from_le_bytes(hidden[at..at + 4].try_into().unwrap()) + 6;
        hidden[at..at + 4].copy_from_slice(&moved.to_le_bytes());
    }
    let expected =
        format!("b: it begins at byte {}, but what is before it ends at byte {second}", second + 6);
    assert_faults(&hidden, &[&expected], "hidden");
}

#[test]
fn an_entry_that_inflates_to_more_than_it_says() {
    let bomb = Part::known_deflate("zeros", &vec![0; 64 << 20]);
    let mut archive = encode(&[bomb], 1000);
    let header = (0..).find(|at| archive[*at..].starts_with(b"PK\x01\x02")).unwrap();
    for at in [22, header + 24] {
        archive[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let faults = faults(&archive);
    assert!(
        faults[0].starts_with("zeros: it has ") && faults[0].ends_with("the archive says 10"),
        "{faults:?}"
    );
}

#[test]
fn each_damage_is_told_and_no_consequence_of_it() {
    let parts = ["a", "b", "c"].map(|name| Part::unknown(name, Method::Store, &[b'x'; 100]));
    let mut archive = listed(&parts, line);
    let headers: Vec<usize> =
        (0..archive.len() - 4).filter(|at| archive[*at..].starts_with(b"PK\x01\x02")).collect();
    archive[60] ^= 1;
    archive[headers[2] + 4] ^= 1;
    let end = archive.len() - 18;
    archive[end] ^= 1;
    let expected = [
        "a: its CRC-32 is",
        "c: its central header is damaged, or not written by ZipStream: version made by",
        "the archive: its end of central directory is damaged",
        "a: its CRC-32 is",
        "a: its SHA-256 is",
    ];
    assert_faults(&archive, &expected, "three");
}

#[test]
fn archives_of_other_programs() {
    let file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: z.writestr('a', 'a')";
    let python = std::process::Command::new("python3").args(["-c", script]).arg(file.path()).status();
    assert!(python.unwrap().success());
    let faults = faults(&std::fs::read(file.path()).unwrap());
    assert!(faults.iter().any(|fault| fault.contains("not written by ZipStream")), "{faults:?}");
    // Damage is told beside it.
    assert!(faults.iter().any(|fault| fault.contains("it has no \"MANIFEST.json\"")), "{faults:?}");
}

/// Where these octets stand, each time.
fn places(archive: &[u8], octets: &[u8]) -> Vec<usize> {
    (0..archive.len() - octets.len()).filter(|at| archive[*at..].starts_with(octets)).collect()
}

/// As `touch` would, or a bit that flipped before the archive was written anew: both headers say the same.
#[test]
fn times_that_were_changed_in_both_headers() {
    let mut parts = three();
    parts[0].entry.modified = zipstream::zip::Timestamp::from_unix(1_700_000_001);
    parts[2].entry.modified = zipstream::zip::Timestamp::from_unix(4_000_000_000);
    let list = manifest(parts.iter().map(line).collect());
    for index in 0..3 {
        let told = parts[index].entry.modified.as_unix();
        // Each bit that the headers hold: beyond 32 bits MS-DOS time counts in two seconds.
        for bit in if index == 2 { 1..31 } else { 0..31 } {
            let mut changed = parts.clone();
            changed[index].entry.modified = zipstream::zip::Timestamp::from_unix(told ^ 1 << bit);
            let expected = format!("{}: its modification time is ", changed[index].entry.name);
            assert_faults(&under(list.clone(), &changed), &[&expected], &format!("bit {bit} of {told}"));
        }
    }
    assert_faults(&under(list, &parts), &[], "as they were");
    let nonsense = |time| {
        let mut lines: Vec<_> = three().iter().map(line).collect();
        lines[1]["lastModified"] = json!(time);
        under(manifest(lines), &three())
    };
    for time in ["yesterday", "2026-11-20T13:14:17Z"] {
        assert_faults(
            &nonsense(time),
            &["b: its modification time is 2026-11-20T13:14:16Z, the manifest says "],
            time,
        );
    }
    assert_faults(&nonsense("2026-11-20T14:14:16+01:00"), &[], "of another zone");
}

/// What is compressed could be any size: it is held in memory.
#[test]
fn a_manifest_that_is_compressed_or_endless_is_not_read() {
    let parts = three();
    let text = json!({ "entries": parts.iter().map(full_line).collect::<Vec<_>>() }).to_string();
    for list in [
        Part::known_deflate("MANIFEST.json", text.as_bytes()),
        Part::known_blocks("MANIFEST.json", text.as_bytes()),
    ] {
        assert_faults(
            &under(list, &parts),
            &["MANIFEST.json: the manifest cannot be read: it is compressed"],
            "compressed",
        );
    }
    let size = (256 << 20) + 1;
    let (mut encoder, digest) = (Encoder::new(), Digest { crc32: 0, size });
    let mut list = Part::known("MANIFEST.json", b"").entry;
    list.content = Content::Known { digest, compressed_size: size };
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&encoder.place(list, digest).unwrap().0, 0).unwrap();
    let begin = encoder.position();
    file.write_all_at(&encoder.finish().unwrap().concat(), begin).unwrap();
    let expected = "MANIFEST.json: the manifest cannot be read: its 268435457 bytes are more than 268435456";
    assert_eq!(judge_file(&file, &usual()).1, [expected]);
}

/// One long entry under many names would be read again and again.
#[test]
fn data_that_many_entries_share_is_read_once() {
    let zeros = Part::known_deflate("zeros", &vec![0; 64 << 20]);
    let archive = encode(std::slice::from_ref(&zeros), 1 << 20);
    let begin = places(&archive, b"PK\x01\x02")[0];
    let (data, header) = (&archive[..begin], &archive[begin..archive.len() - 22]);
    let mut shared = [data, &header.repeat(2000)].concat();
    let length = (shared.len() - begin) as u32;
    let mut end = archive[archive.len() - 22..].to_vec();
    end[8..12].copy_from_slice(&[0xD0, 0x07, 0xD0, 0x07]);
    end[12..16].copy_from_slice(&length.to_le_bytes());
    shared.extend(end);
    let start = std::time::Instant::now();
    let faults = faults(&shared);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    let within =
        faults.iter().filter(|fault| fault.contains("it begins at byte 0, but what is before it ends at"));
    assert_eq!(within.count(), 1999);
}

/// What an archive says reaches a terminal as text, in one line.
#[test]
fn nothing_in_an_archive_moves_a_terminals_cursor() {
    let evil = "\u{1b}[2J\r\n\u{202e}\u{7}";
    let parts = three();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut lines: Vec<_> = parts.iter().map(line).collect();
        change(&mut lines[1]);
        faults(&under(manifest(lines), &parts))
    };
    let mut said = Vec::new();
    for field in ["crc32", "sha256", "mode", "compressedCrc32", "lastModified", "zipPath", "status"] {
        let faults = with(&|line| line[field] = json!(evil));
        assert!(!faults.is_empty(), "{field}");
        said.extend(faults);
    }
    said.extend(faults(&listed(&[Part::known(evil, b"x")], line)));
    for fault in said {
        assert!(!fault.contains(|c: char| c.is_control() || c == '\u{202e}'), "{fault:?}");
    }
}

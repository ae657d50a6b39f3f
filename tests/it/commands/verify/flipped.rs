//! A bit flipped anywhere in an archive is found.

use std::fs::File;
use std::os::unix::fs::FileExt;

use serde_json::json;
use zipstream::{verify::Against, zip::Method};

use super::{every_form, faults, full_line, judge_file, line, listed, usual};
use crate::pipeline::download::{contents, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, pattern};
use crate::zip::archive::{Part, encode};

/// So many bits of so many octets, the same in every run.
fn positions(octets: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut random = fastrand::Rng::with_seed(octets as u64);
    (0..count).map(move |_| random.usize(0..octets * 8))
}

/// The bits whose flipping nobody finds.
fn unfound(archive: &[u8], bits: impl Iterator<Item = usize>) -> Vec<usize> {
    unfound_against(&usual(), archive, bits)
}

/// The same, held against something else.
fn unfound_against(against: &Against, archive: &[u8], bits: impl Iterator<Item = usize>) -> Vec<usize> {
    let file: File = tempfile::tempfile().unwrap();
    file.write_all_at(archive, 0).unwrap();
    assert_eq!(judge_file(&file, against).1, Vec::<String>::new());
    let is_unfound = |bit: &usize| {
        let (at, octet) = ((bit / 8) as u64, archive[bit / 8]);
        file.write_all_at(&[octet ^ 1 << (bit % 8)], at).unwrap();
        let (_, faults) = judge_file(&file, against);
        file.write_all_at(&[octet], at).unwrap();
        faults.is_empty()
    };
    bits.filter(is_unfound).collect()
}

#[test]
fn every_bit_of_archives_of_all_forms() {
    let archive = listed(&every_form(), full_line);
    // One CRC covers the manifest's text, which is most of it.
    let begin = find(&archive, b"{\"entries\"");
    let text = begin * 8..find(&archive, b"PK\x01\x02") * 8;
    let bits = (0..archive.len() * 8).filter(|bit| !text.contains(bit) || bit % 11 == 0);
    assert_eq!(unfound(&archive, bits), Vec::<usize>::new());
}

/// Where these octets stand first.
fn find(archive: &[u8], octets: &[u8]) -> usize {
    archive.windows(octets.len()).position(|window| window == octets).unwrap()
}

#[test]
fn random_bits_of_longer_archives() {
    let random = pattern(1, 0..100_000);
    let text = b"GET /index.html 200 1234 0.003\n".repeat(3_000);
    for (name, parts) in [
        ("known", vec![Part::known("a", &random), Part::known("b", &text)]),
        (
            "streamed",
            vec![Part::announced("a", Method::Store, &random), Part::unknown("b", Method::Store, &text)],
        ),
        ("deflated", vec![Part::unknown("a", Method::Deflate, &random), Part::known_deflate("b", &text)]),
        ("many", (0..100).map(|index| Part::known(&format!("{index}.txt"), b"small")).collect()),
    ] {
        let archive = listed(&parts, full_line);
        assert_eq!(unfound(&archive, positions(archive.len(), 400)), Vec::<usize>::new(), "{name}");
        // The last octets hold directory and end.
        let tail = (archive.len() - 200) * 8;
        let bits = (tail..archive.len() * 8).step_by(13);
        assert_eq!(unfound(&archive, bits), Vec::<usize>::new(), "{name}");
    }
}

/// The service's own manifests tell all that verification needs.
#[tokio::test(flavor = "multi_thread")]
async fn random_bits_of_the_services_archives() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let text = b"GET /index.html 200 1234 0.003\n".repeat(6_000);
    let files = [
        json!({ "url": origin.serve("/random", Route::pattern(1, 100_000)), "zipPath": "random" }),
        json!({ "url": origin.serve("/text", Route::bytes(text)), "zipPath": "text", "mode": "0640" }),
        json!({ "url": "data:,hello", "zipPath": "data" }),
        json!({ "zipPath": "directory/" }),
    ];
    for members in [
        json!({}),
        json!({ "compression": "DEFLATE" }),
        json!({ "compression": "DEFLATE", "compressionLevel": 1 }),
        json!({ "streamable": true }),
    ] {
        let mut descriptor = json!({ "manifest": {}, "files": files });
        descriptor.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let archive = post(&app, &descriptor).send().await.body;
        let unfound = tokio::task::block_in_place(|| {
            let tail = (archive.len() - 800) * 8..archive.len() * 8;
            unfound(&archive, positions(archive.len(), 400).chain(tail.step_by(7)))
        });
        assert_eq!(unfound, Vec::<usize>::new(), "{members}");
    }
}

/// Entries of several blocks of DEFLATE, which are compressed independently.
#[tokio::test(flavor = "multi_thread")]
async fn random_bits_of_entries_of_several_blocks() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let noise = pattern(2, 0..(1 << 20) + 10);
    let mixed = [b"GET /index.html 200 1234 0.003\n".repeat(50_000), noise.clone()].concat();
    let files = [mixed, noise].map(|body| {
        let path = format!("/{}", body.len());
        json!({ "url": origin.serve(&path, Route::bytes(body)), "zipPath": path[1..] })
    });
    for level in [1, 6] {
        let descriptor =
            json!({ "manifest": {}, "compression": "DEFLATE", "compressionLevel": level, "files": files });
        let archive = post(&app, &descriptor).send().await.body;
        assert!(archive.len() > 2 << 20);
        let unfound = tokio::task::block_in_place(|| {
            // Where blocks join, headers and the end, and anywhere.
            let joints =
                (0..archive.len() - 4).filter(|at| archive[*at..].starts_with(&[0, 0, 0, 0xFF, 0xFF]));
            let joints: Vec<_> = joints.flat_map(|at| (at * 8..at * 8 + 40).step_by(9)).take(20).collect();
            let tail = (archive.len() - 900) * 8..archive.len() * 8;
            unfound(&archive, positions(archive.len(), 40).chain(joints).chain(tail.step_by(301)))
        });
        assert_eq!(unfound, Vec::<usize>::new(), "level {level}");
    }
}

#[test]
fn permissions_alone_escape_where_the_manifest_does_not_tell_them() {
    let parts: Vec<Part> =
        every_form().into_iter().filter(|part| part.entry.method == Method::Store).collect();
    let archive = listed(&parts, line);
    let headers: Vec<usize> =
        (0..archive.len() - 4).filter(|at| archive[*at..].starts_with(b"PK\x01\x02")).collect();
    // Of the manifest they are known.
    let (_, others) = headers.split_last().unwrap();
    let permissions: Vec<usize> =
        others.iter().flat_map(|header| (0..9).map(move |bit| (header + 40) * 8 + bit)).collect();
    assert_eq!(unfound(&archive, 0..archive.len() * 8), permissions);
}

#[test]
fn what_escapes_within_deflated_data_is_extracted_as_ever() {
    let text =
        b"2026-11-20 12:00:00 GET /index.html 200\n2026-11-20 12:00:01 GET / 304 aaaaaaaaaaa\n".repeat(20);
    let parts = [Part::unknown("text", Method::Deflate, &text)];
    let archive = listed(&parts, line);
    let permissions = (find(&archive, b"PK\x01\x02") + 40) * 8;
    let begin = find(&archive, b"text") + 4;
    let data = begin * 8..find(&archive, b"PK\x07\x08") * 8;
    let escaped = unfound(&archive, 0..archive.len() * 8);
    assert!(escaped.iter().any(|bit| data.contains(bit)), "nothing escapes any more");
    for bit in escaped.into_iter().filter(|bit| !(permissions..permissions + 9).contains(bit)) {
        assert!(data.contains(&bit), "bit {bit}");
        let mut flipped = archive.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(contents(&flipped), contents(&archive), "bit {bit}");
    }
    assert_eq!(unfound(&listed(&parts, full_line), data), Vec::<usize>::new());
}

#[test]
fn bits_of_an_archive_that_needs_zip64_for_its_many_entries() {
    let parts: Vec<Part> = (0..65_536).map(|index| Part::known(&index.to_string(), b"")).collect();
    let archive = encode(&parts, 1);
    // One of each field of the end records, some twice.
    let end = (archive.len() - 98) * 8;
    let bits = (end..archive.len() * 8).step_by(79);
    assert_eq!(unfound_against(&Against::Itself, &archive, bits), Vec::<usize>::new());
}

#[test]
fn no_octets_whatever_are_taken_for_sound() {
    let archive = listed(&every_form(), full_line);
    let directory = find(&archive, b"PK\x01\x02");
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3000 {
        let mut other = archive.clone();
        for _ in 0..random.usize(1..20) {
            let at = random.usize(directory..other.len());
            other[at] = *random.choice(&[0, 1, 0x7F, 0xFF, other[at] ^ 1]).unwrap();
        }
        assert_eq!(other == archive, faults(&other).is_empty());
    }
}

//! An archive of each kind for readers that are run by hand, with what they must find in it, in the target directory's
//! `tmp/samples`.

use std::fs;
use std::path::Path;

use serde_json::json;
use zipstream::zip::Method;

use super::archive::{Part, digest, encode};

/// Lengths of data: empty, tiny, at the edges of 64 KiB and 1 MiB.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_577];
/// Names in several scripts. rc-zip takes bit 11 for its opposite when it reads front to back, so that one archive has
/// ASCII names alone.
const NAMES: [&str; 3] = ["Grüße.txt", "日本語/ファイル.txt", "emoji 🎉.txt"];

/// Makes a part out of a name and data.
type Form = fn(&str, &[u8]) -> Part;

#[test]
#[ignore = "writes files: run by scripts/check-large"]
fn write_samples() {
    let known: Form = |name, data| {
        if data.len().is_multiple_of(2) { Part::known(name, data) } else { Part::known_deflate(name, data) }
    };
    write("known", known, &[]);
    write("known-unicode", known, &NAMES);
    write("streamed-store", |name, data| Part::announced(name, Method::Store, data), &NAMES);
    write("streamed-deflate", |name, data| Part::unknown(name, Method::Deflate, data), &NAMES);
    write("streamable", |name, data| Part::announced(name, Method::StoredBlocks, data), &NAMES);
}

/// Writes an archive of parts of one form.
fn write(sample: &str, form: Form, names: &[&str]) {
    let text = |length: usize| -> Vec<u8> {
        (0..length).map(|i| b"the quick brown fox\n"[i % 20] ^ (i / 4096) as u8).collect()
    };
    let mut parts: Vec<Part> =
        SIZES.iter().map(|size| form(&format!("nested/deep/{size}.bin"), &text(*size))).collect();
    parts.extend(names.iter().map(|name| form(name, &text(300))));
    parts.push(Part::directory("empty directory/"));
    let row = |part: &Part| json!({ "name": part.entry.name.as_str(), "size": part.data.len(), "crc32": digest(&part.data).crc32 });
    let expected: Vec<_> = parts.iter().map(row).collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples").join(sample);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_extension("zip"), encode(&parts, 16 << 10)).unwrap();
    fs::write(path.with_extension("json"), serde_json::to_vec(&expected).unwrap()).unwrap();
}

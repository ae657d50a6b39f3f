//! An archive of each kind for readers that are run by hand, with what they must find in it, in the target directory's
//! `tmp/samples`.

use std::fs;
use std::path::Path;

use serde_json::json;
use zipstream::zip::{Entry, Method, Name};

use super::archive::{Part, digest, encode};

/// Names and data as they occur: nested, Unicode, empty, tiny, at the edges of 64 KiB and 1 MiB.
fn contents() -> Vec<(String, Vec<u8>)> {
    let text =
        |length: usize| (0..length).map(|i| b"the quick brown fox\n"[i % 20] ^ (i / 4096) as u8).collect();
    let sizes = [0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_577];
    let mut contents: Vec<_> = sizes.map(|size| (format!("nested/deep/{size}.bin"), text(size))).into();
    contents.extend(
        ["Grüße.txt", "日本語/ファイル.txt", "emoji 🎉.txt", "with space"]
            .map(|name| (name.into(), text(300))),
    );
    contents
}

#[test]
#[ignore = "writes files: run by scripts/check-large"]
fn write_samples() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples");
    fs::create_dir_all(&directory).unwrap();
    type Form = fn(&str, &[u8]) -> Part;
    let forms: [(&str, Form); 4] = [
        ("known", |name, data| {
            if data.len() % 2 == 0 { Part::known(name, data) } else { Part::known_deflate(name, data) }
        }),
        ("streamed-store", |name, data| Part::announced(name, Method::Store, data)),
        ("streamed-deflate", |name, data| Part::announced(name, Method::Deflate, data)),
        ("unknown-deflate", |name, data| Part::unknown(name, Method::Deflate, data)),
    ];
    for (name, form) in forms {
        let mut parts: Vec<Part> = contents().iter().map(|(name, data)| form(name, data)).collect();
        parts.push(Part::directory("empty directory/"));
        let row = |Part { entry: Entry { name, .. }, data }: &Part| json!({ "name": Name::as_str(name), "size": data.len(), "crc32": digest(data).crc32 });
        let expected: Vec<_> = parts.iter().map(row).collect();
        fs::write(directory.join(name).with_extension("zip"), encode(&parts, 16 << 10)).unwrap();
        fs::write(directory.join(name).with_extension("json"), serde_json::to_vec(&expected).unwrap())
            .unwrap();
    }
}

//! Archives beyond 4 GiB, as sparse files. Gigabytes of zeros take a while: run by `scripts/check-large`.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use zipstream::zip::{Content, Crc32, Encoder, Entry, Method, Name, Timestamp};

use super::{judge_file, manifest, usual};
use crate::zip::archive::{MODIFIED, Part};

/// Zeros that pass by at once.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

#[test]
#[ignore = "reads more than 4 GiB"]
fn a_large_entry_is_sound_and_a_bit_in_it_is_found() {
    let size = (4_u64 << 30) + (1 << 20);
    for length in [Some(size), None] {
        let mut file = tempfile::tempfile().unwrap();
        let (mut encoder, mut crc32, mut sha256) = (Encoder::new(), Crc32::new(), Sha256::new());
        let (name, modified) = (Name::new("zeros").unwrap(), Timestamp::from_unix(MODIFIED));
        let content = Content::Streamed { length };
        let entry = Entry { name, method: Method::Store, modified, mode: 0o644, content };
        file.write_all(&encoder.begin(entry).unwrap()).unwrap();
        for _ in 0..size >> 20 {
            encoder.stored(&ZEROS).unwrap();
            crc32.update(&ZEROS);
            sha256.update(ZEROS);
        }
        let crc32 = crc32.value();
        file.seek(SeekFrom::Current(size as i64)).unwrap();
        file.write_all(&encoder.end(None).unwrap()).unwrap();
        let Part { entry, data } = manifest(vec![json!({
            "zipPath": "zeros", "status": "stored", "size": size, "crc32": format!("{crc32:08x}"),
            "sha256": hex::encode(sha256.finalize()),
        })]);
        file.write_all(&encoder.begin(entry).unwrap()).unwrap();
        encoder.stored(&data).unwrap();
        file.write_all(&data).unwrap();
        file.write_all(&encoder.end(None).unwrap()).unwrap();
        let begin = encoder.position();
        file.write_all(&encoder.finish().unwrap().concat()).unwrap();
        assert_eq!(judge_file(&file, &usual()), (2, vec![]));
        file.write_all_at(&[1], 3 << 30).unwrap();
        // Against the central directory, and twice against the manifest.
        assert_eq!(judge_file(&file, &usual()).1.len(), 3);
        file.write_all_at(&[0], 3 << 30).unwrap();
        // The size in the ZIP64 extra field of the central header.
        file.write_all_at(&[1], begin + 46 + 5 + 4).unwrap();
        assert!(!judge_file(&file, &usual()).1.is_empty());
    }
}

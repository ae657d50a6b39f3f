//! What holds of every archive.

use bytes::Bytes;
use proptest::prelude::*;
use zipstream::zip::{Content, Digest, Encoder, Entry, Layout, Method, Name, Timestamp};

use super::archive::{Part, encode, layout};

/// Any part, of any form.
fn part() -> impl Strategy<Value = Part> {
    let data = prop::collection::vec(any::<u8>(), 0..200);
    ("[a-zé日🎉 .]{1,40}", data, 0..9_usize, any::<i64>(), 0..=0o7777_u16).prop_map(
        |(name, data, form, time, mode)| {
            let mut part = match form {
                0 => Part::known(&name, &data),
                1 => Part::known_deflate(&name, &data),
                2 => Part::announced(&name, Method::Store, &data),
                3 => Part::unknown(&name, Method::Store, &data),
                4 => Part::unknown(&name, Method::Deflate, &data),
                5 => Part::announced(&name, Method::StoredBlocks, &blocks(&data)),
                6 => Part::unknown(&name, Method::StoredBlocks, &data),
                7 => Part::known_blocks(&name, &data),
                _ => Part::directory(&format!("{name}/")),
            };
            part.entry.mode = mode;
            part.entry.modified = Timestamp::from_unix(time);
            part
        },
    )
}

/// Data of several blocks, some of them cut at a border.
fn blocks(data: &[u8]) -> Vec<u8> {
    let end = (data.len() % 3) * 65_535 + data.len() / 3 % 3;
    data.iter().copied().cycle().take(if data.is_empty() { 0 } else { end }).collect()
}

/// Says whether the size of a part in the archive is known ahead of time.
fn is_known(part: &Part) -> bool {
    match part.entry.content {
        Content::Known { .. } => true,
        Content::Streamed { length } => part.entry.method != Method::Deflate && length.is_some(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_layout_is_what_is_written(parts in prop::collection::vec(part(), 0..12)) {
        let archive = encode(&parts, usize::MAX);
        let Some(layout) = layout(&parts) else {
            prop_assert!(!parts.iter().all(is_known));
            return Ok(());
        };
        prop_assert!(parts.iter().all(is_known));
        prop_assert_eq!(layout.length(), archive.len() as u64);
        prop_assert_eq!(layout.pieces().len(), parts.len());
        let mut position = 0;
        for (part, piece) in parts.iter().zip(layout.pieces()) {
            let [header, data, descriptor, end] =
                [piece.header, piece.data, piece.descriptor, piece.end].map(|offset| offset as usize);
            prop_assert_eq!(header, position);
            prop_assert!(archive[header..].starts_with(b"PK\x03\x04"));
            prop_assert_eq!(&archive[data..descriptor], part.encoded());
            let described = matches!(part.entry.content, Content::Streamed { .. });
            prop_assert_eq!(end - descriptor, if described { 16 } else { 0 });
            position = end;
        }
        prop_assert_eq!(layout.central_directory(), position as u64);
        let directory: &[u8] = if parts.is_empty() { b"PK\x05\x06" } else { b"PK\x01\x02" };
        prop_assert!(archive[position..].starts_with(directory));
    }
}

proptest! {
    #[test]
    fn the_cut_of_the_data_reaches_no_byte(parts in prop::collection::vec(part(), 0..6), chunk in 1..50_usize) {
        let whole = encode(&parts, usize::MAX);
        prop_assert_eq!(&encode(&parts, chunk), &whole);
        prop_assert_eq!(&encode(&parts, 1), &whole);
    }

    #[test]
    fn a_large_layout_is_what_is_counted(sizes in prop::collection::vec(near_the_edge(), 1..5)) {
        // Deflated data only has to be counted, so that sizes beyond 4 GiB cost nothing.
        let (mut encoder, mut entries, mut written) = (Encoder::new(), Vec::new(), 0);
        for size in sizes {
            let digest = Digest { crc32: 1, size: size / 2 };
            let entry = Entry {
                name: Name::new("n").unwrap(),
                method: Method::Deflate,
                modified: Timestamp::from_unix(0),
                mode: 0o644,
                content: Content::Known { digest, compressed_size: size },
            };
            written += encoder.begin(entry.clone()).unwrap().len() as u64 + size;
            encoder.deflated(size);
            written += encoder.end(Some(digest)).unwrap().len() as u64;
            prop_assert_eq!(encoder.position(), written);
            entries.push(entry);
        }
        written += encoder.finish().unwrap().iter().map(Bytes::len).sum::<usize>() as u64;
        prop_assert_eq!(Layout::of(&entries).unwrap().length(), written);
    }
}

/// Sizes on both sides of what 32 bits hold.
fn near_the_edge() -> impl Strategy<Value = u64> {
    prop_oneof![1..100_u64, 0xFFFF_FF00..0x1_0000_0100_u64]
}

#[test]
fn sizes_that_no_archive_holds_have_no_layout() {
    let mut part = Part::known_deflate("a", b"a");
    part.entry.content = Content::Known { digest: Digest::default(), compressed_size: u64::MAX - 10 };
    assert_eq!(layout(&[part]), None);
}

#[test]
fn the_zip64_end_records_come_with_65535_entries() {
    for (count, zip64) in [(65_534, 0), (65_535, 76)] {
        let parts = vec![Part::known("a", b""); count];
        let mut encoder = Encoder::new();
        for part in &parts {
            encoder.begin(part.entry.clone()).unwrap();
            encoder.end(None).unwrap();
        }
        let position = encoder.position();
        let pieces = encoder.finish().unwrap();
        assert!(pieces.len() > 10 && pieces.iter().all(|piece| piece.len() <= (256 << 10) + 98));
        let tail = pieces.concat();
        assert_eq!(tail.len(), count * (46 + 1 + 9) + zip64 + 22);
        assert_eq!(&tail[tail.len() - 14..tail.len() - 12], &(count as u16).to_le_bytes());
        assert_eq!(layout(&parts).unwrap().length(), position + tail.len() as u64);
    }
}

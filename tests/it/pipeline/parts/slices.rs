//! Every part is the slice of the whole that its window says: all of small archives, and of large ones around every
//! border and at random.

use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::json;
use zipstream::archive::Ledger;

use super::{Maker, book, sha256, sources, tagged};
use crate::support::origin::{Origin, pattern};

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_an_archive_at_hand_is_the_slice() {
    let descriptor = json!({ "files": [
        { "url": "data:,", "zipPath": "empty", "lastModified": "2026-01-01T00:00:00Z" },
        { "zipPath": "dir/", "lastModified": "2026-01-01T00:00:00Z" },
        { "url": "data:,hello", "zipPath": "dir/hällo", "lastModified": "2026-01-01T00:00:00Z" },
    ] });
    let (maker, book) = (Maker::new(descriptor, |_| {}), book());
    let (whole, facts, etag) = maker.whole(&book).await;
    assert!(etag.is_some());
    for start in 0..whole.len() {
        for end in start + 1..=whole.len() {
            let part = maker.part(&facts, &book, start as u64..end as u64).await.unwrap();
            assert!(part == whole[start..end], "{start}..{end}");
        }
    }
}

/// Of every form in which an entry passes by: its header, data, data descriptor and what tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_small_archive_is_the_slice() {
    let origin = Origin::start().await;
    let mut crc32 = zipstream::zip::Crc32::new();
    crc32.update(&pattern(1, 0..7));
    let url = origin.serve("/a", tagged(1, 7));
    let file = json!({ "url": url, "zipPath": "a" });
    let declared = json!({ "url": url, "zipPath": "a", "size": 7, "crc32": format!("{:08x}", crc32.value()),
                           "sha256": sha256(&pattern(1, 0..7)) });
    for descriptor in [
        json!({ "files": [file] }),
        json!({ "files": [declared] }),
        json!({ "streamable": true, "files": [file] }),
    ] {
        let maker = Maker::new(descriptor, |config| config.archive.inline_size.0 = 1);
        let full = book();
        let (whole, facts, etag) = maker.whole(&full).await;
        assert!(etag.is_some());
        let windows = (0..whole.len()).flat_map(|start| (start + 1..=whole.len()).map(move |end| start..end));
        let parts = windows.map(|window| {
            let (maker, facts, whole) = (&maker, &facts, &whole);
            // With all that was seen, and with nothing.
            let book = if (window.start + window.end) % 3 == 0 { book() } else { full.clone() };
            async move {
                let part = maker.part(facts, &book, window.start as u64..window.end as u64).await.unwrap();
                assert!(part == whole[window.clone()], "{window:?}");
            }
        });
        futures_util::stream::iter(parts).buffer_unordered(16).collect::<()>().await;
    }
}

/// The manifest is long beside what it lists: each of its bytes, with a few ends.
#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_a_manifest_may_begin_or_end_a_part() {
    let origin = Origin::start().await;
    let file = json!({ "url": origin.serve("/a", tagged(1, 7)), "zipPath": "a" });
    for streamable in [false, true] {
        let descriptor = json!({ "streamable": streamable, "manifest": {}, "files": [file] });
        let maker = Maker::new(descriptor, |config| config.archive.inline_size.0 = 1);
        let full = book();
        let (whole, facts, _) = maker.whole(&full).await;
        for at in 0..whole.len() {
            for window in [at..at + 1, at..whole.len(), at.saturating_sub(30)..at + 1] {
                let part = window.start as u64..window.end as u64;
                assert!(
                    maker.part(&facts, &full, part).await.unwrap() == whole[window.clone()],
                    "{window:?}"
                );
            }
        }
    }
}

/// Windows around every border of the layout, and some in between.
fn windows(whole: &[u8]) -> Vec<Range<u64>> {
    let length = whole.len() as u64;
    let signature = |at: &usize| whole[*at..].starts_with(b"PK");
    let mut borders: Vec<u64> =
        (0..whole.len() - 1).filter(signature).map(|at| at as u64).filter(|at| *at % 7 < 5).collect();
    borders.extend([0, 1, 1 << 20, 9 << 20, (9 << 20) + 1, 17 << 20, length - 1, length]);
    let mut near: Vec<u64> = borders.iter().flat_map(|at| [at.saturating_sub(1), *at, at + 3]).collect();
    near.retain(|at| *at <= length);
    near.sort_unstable();
    near.dedup();
    let mut windows = Vec::new();
    for (n, start) in near.iter().enumerate() {
        // To the end and to a few neighbours; to a far end from some.
        if n % 4 == 0 || length - start < 1 << 20 {
            windows.push(*start..length);
        }
        windows.extend(near[n + 1..].iter().take(3).map(|end| *start..*end));
    }
    windows.retain(|window| window.start < window.end);
    windows
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_slices_with_all_seen_and_with_nothing_seen() {
    let origin = Origin::start().await;
    for manifest in [None, Some(json!({}))] {
        let mut descriptor = sources(&origin);
        descriptor
            .as_object_mut()
            .unwrap()
            .extend(manifest.map(|manifest| ("manifest".to_owned(), manifest)));
        let (maker, full) = (Maker::new(descriptor, |_| {}), book());
        let (whole, facts, etag) = maker.whole(&full).await;
        assert!(etag.is_some());
        assert!(full.of(2).len() == 2 && full.seen().await.whole(2).is_some(), "{:?}", full.of(2));
        for (n, window) in windows(&whole).into_iter().enumerate() {
            let slice = &whole[window.start as usize..window.end as usize];
            let part = maker.part(&facts, &full, window.clone()).await.unwrap();
            assert!(part == slice, "{window:?} with all seen");
            if n % 5 == 0 {
                let part = maker.part(&facts, &book(), window.clone()).await.unwrap();
                assert!(part == slice, "{window:?} with nothing seen");
            }
        }
    }
}

/// A part that ends with the manifest goes on from any checkpoint, in whatever form the entry stands in the archive.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_made_from_checkpoints() {
    let origin = Origin::start().await;
    for streamable in [false, true] {
        let descriptor = json!({ "streamable": streamable, "manifest": { "zipPath": "list" }, "files": [
            { "url": origin.serve("/long", tagged(2, 20 << 20)), "zipPath": "long" },
            { "url": origin.serve("/last", tagged(4, 100_000)), "zipPath": "last" },
        ] });
        let (maker, full) = (Maker::new(descriptor, |_| {}), book());
        let (whole, facts, _) = maker.whole(&full).await;
        let total = whole.len() as u64;
        for seen in [0..0, 0..1, 1..2] {
            let some = book();
            full.of(0)[seen.clone()].iter().for_each(|mark| some.note(0, mark.clone()));
            let from = full.of(0)[seen].first().map_or(0, |mark| mark.offset);
            for start in [19 << 20, 20 << 20, total - 2000, total - 22] {
                let asked = maker.planned(&facts).reread(&(start..total), &some.seen().await).unwrap();
                assert!(asked <= (20 << 20) + 100_000 - from, "{asked} from {from}");
                let fresh = book();
                full.of(0)
                    .iter()
                    .filter(|mark| mark.offset == from)
                    .for_each(|mark| fresh.note(0, mark.clone()));
                let part = maker.part(&facts, &fresh, start..total).await.unwrap();
                assert!(part == whole[start as usize..], "{streamable}: {start} from {from}");
                // What it has read through is the same as what the whole download has seen.
                assert_eq!(fresh.seen().await.whole(0), full.seen().await.whole(0), "{streamable}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_streamable_archives_are_slices_too() {
    let origin = Origin::start().await;
    for length in [70_000, 65_535, 131_070, 131_071, 200_000] {
        let url = origin.serve(&format!("/{length}"), tagged(1, length));
        let other = origin.serve("/other", tagged(2, 10 << 20));
        let files = json!([{ "url": url, "zipPath": "a" }, { "url": other, "zipPath": "b" }]);
        let maker = Maker::new(json!({ "streamable": true, "files": files }), |config| {
            config.archive.inline_size.0 = 1;
        });
        let full = book();
        let (whole, facts, etag) = maker.whole(&full).await;
        assert!(etag.is_some() && full.of(1).len() == 1 && full.seen().await.whole(0).is_some());
        let total = whole.len() as u64;
        // Behind header, name and timestamp the first block begins.
        let data = 30 + 1 + 9;
        let mut borders: Vec<u64> = (0..4).map(|block| data + block * 65_540).collect();
        borders.extend([data + length, total - 300, total - 22, 5 << 20, (9 << 20) + 7]);
        let near = borders.iter().flat_map(|at| at.saturating_sub(3)..at + 8);
        let near: Vec<u64> = near.filter(|at| *at < total).collect();
        for (n, start) in near.iter().enumerate() {
            for end in [start + 1, start + 3, start + 5, start + 6, start + 70_000, total] {
                let window = *start..end.min(total);
                let slice = &whole[window.start as usize..window.end as usize];
                let book = if n % 4 == 0 { book() } else { Arc::clone(&full) };
                let part = maker.part(&facts, &book, window.clone()).await.unwrap();
                assert!(part == slice, "{length}: {window:?}");
            }
        }
    }
}

/// Windows of any place and length, in an archive of every form with a manifest.
#[tokio::test(flavor = "multi_thread")]
async fn random_parts_of_a_large_archive_are_slices() {
    let origin = Origin::start().await;
    for streamable in [false, true] {
        let mut descriptor = sources(&origin);
        (descriptor["manifest"], descriptor["streamable"]) = (json!({}), json!(streamable));
        let (maker, full) = (Maker::new(descriptor, |_| {}), book());
        let (whole, facts, _) = maker.whole(&full).await;
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..100 {
            let start = random.usize(0..whole.len());
            let most = 1 << random.u32(0..25);
            let end = whole.len().min(start + 1 + random.usize(0..most));
            let part = maker.part(&facts, &full, start as u64..end as u64).await.unwrap();
            assert!(part == whole[start..end], "{streamable}: {start}..{end}");
        }
    }
}

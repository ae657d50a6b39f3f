//! Parts of an archive are slices of the whole, whatever was seen of its sources before.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use zipstream::app::{self, Overrides};
use zipstream::archive::{Archive, Archives, Failure, Ledger, Limits, Planned};
use zipstream::config;
use zipstream::descriptor::{self, Descriptor};
use zipstream::egress::{Own, Policy};
use zipstream::plan::{Checkpoint, Checksums, Facts, Seen};

use crate::support::origin::{Origin, Route, pattern};

const SIZE: u64 = 1 << 40;

/// A ledger in memory, and all that was ever written into it.
#[derive(Default)]
struct Book(Mutex<Seen>, Mutex<Vec<(usize, Checkpoint)>>);

impl Book {
    /// The checkpoints of an entry, in the order in which they came.
    fn of(&self, index: usize) -> Vec<Checkpoint> {
        let all = self.1.lock().unwrap();
        all.iter().filter(|(other, _)| *other == index).map(|(_, checkpoint)| checkpoint.clone()).collect()
    }
}

impl Ledger for Book {
    fn note(&self, index: usize, checkpoint: Checkpoint) {
        self.1.lock().unwrap().push((index, checkpoint.clone()));
        self.0.lock().unwrap().note(index, checkpoint, 8);
    }

    fn note_whole(&self, index: usize, checksums: Checksums) {
        self.0.lock().unwrap().note_whole(index, checksums);
    }

    fn seen(&self) -> BoxFuture<'_, Seen> {
        std::future::ready(self.0.lock().unwrap().clone()).boxed()
    }
}

/// What makes archives of one descriptor.
struct Maker {
    archives: Archives,
    policy: Policy,
    descriptor: Value,
}

impl Maker {
    fn new(descriptor: Value, change: impl FnOnce(&mut config::Config)) -> Maker {
        let mut config = config::load(&config::Sources::default()).unwrap().config;
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        change(&mut config);
        let policy = Policy::new(&config.egress, Own::default());
        let app = app::App::build(&config, &[], Overrides::default()).unwrap();
        Maker { archives: app.archives, policy, descriptor }
    }

    fn descriptor(&self) -> Descriptor {
        let limits = descriptor::Limits { files: 1000 };
        Descriptor::parse(self.descriptor.to_string().as_bytes(), limits, &self.policy).unwrap()
    }

    /// Makes the whole archive; gives its bytes, facts and tag.
    async fn whole(&self, book: &Arc<Book>) -> (Vec<u8>, Facts, Option<String>) {
        let probed = self.archives.probe(self.descriptor(), Limits { size: SIZE }, None).await.unwrap();
        let facts = probed.facts().clone();
        let planned = probed.plan(facts.clone()).unwrap();
        let etag = planned.forecast.etag.clone();
        let ledger: Arc<dyn Ledger> = book.clone();
        let archive = planned.start(Some(ledger)).await.unwrap();
        let length = archive.length;
        let bytes = read(archive).await.unwrap();
        assert!(length.is_none_or(|length| length == bytes.len() as u64));
        (bytes, facts, etag)
    }

    fn planned(&self, facts: &Facts) -> Planned {
        self.archives.replan(self.descriptor(), Limits { size: SIZE }, facts.clone()).unwrap()
    }

    /// Makes a part.
    async fn part(&self, facts: &Facts, book: &Arc<Book>, window: Range<u64>) -> Result<Vec<u8>, Failure> {
        let ledger: Arc<dyn Ledger> = book.clone();
        let seen = book.seen().await;
        read(self.planned(facts).start_part(window, ledger, seen).await?).await
    }
}

async fn read(mut archive: Archive) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = archive.stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

fn book() -> Arc<Book> {
    Arc::default()
}

fn tagged(seed: u64, length: u64) -> Route {
    Route::pattern(seed, length).etag(format!("\"{seed}\"")).last_modified("Mon, 02 Feb 2026 10:00:00 GMT")
}

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

/// Sources of every form, the longest of which has checkpoints.
fn sources(origin: &Origin) -> Value {
    let long = pattern(3, 0..300_000);
    let mut crc32 = zipstream::zip::Crc32::new();
    crc32.update(&long);
    json!({ "files": [
        { "url": origin.serve("/empty", tagged(9, 0)), "zipPath": "empty" },
        { "url": origin.serve("/small", tagged(1, 1000)), "zipPath": "small" },
        { "url": origin.serve("/long", tagged(2, 20 << 20)), "zipPath": "long" },
        { "zipPath": "directory/" },
        { "url": origin.serve("/known", tagged(3, 300_000)), "zipPath": "known", "size": 300_000,
          "crc32": format!("{:08x}", crc32.value()) },
        { "url": "data:,x", "zipPath": "data" },
        { "url": origin.serve("/last", tagged(4, 100_000)), "zipPath": "last",
          "sha256": sha256(&pattern(4, 0..100_000)) },
    ] })
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
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
        // Every start to the end, and a few neighbours.
        windows.push(*start..length);
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
        let mut borders: Vec<u64> = (0..4).map(|block| 31 + block * 65_540).collect();
        borders.extend([31 + length, total - 300, total - 22, 5 << 20, (9 << 20) + 7]);
        let near = borders.iter().flat_map(|at| (at.saturating_sub(3)..at + 7).step_by(2));
        let near: Vec<u64> = near.filter(|at| *at < total).collect();
        for (n, start) in near.iter().enumerate() {
            for end in [start + 1, start + 4, start + 6, start + 70_000, total] {
                let window = *start..end.min(total);
                let slice = &whole[window.start as usize..window.end as usize];
                let book = if n % 4 == 0 { book() } else { Arc::clone(&full) };
                let part = maker.part(&facts, &book, window.clone()).await.unwrap();
                assert!(part == slice, "{length}: {window:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_asks_only_the_sources_it_needs_from_the_offset_it_needs() {
    let origin = Origin::start().await;
    let (maker, full) = (Maker::new(sources(&origin), |_| {}), book());
    let (whole, facts, _) = maker.whole(&full).await;
    let asked = |origin: &Origin, before: usize| -> Vec<(String, String)> {
        let range = |request: &crate::support::origin::Request| {
            (request.path().to_owned(), request.header("range").unwrap_or("").to_owned())
        };
        origin.requests()[before..].iter().map(range).collect()
    };
    let data = whole.windows(4).position(|four| four == &pattern(2, 0..4)[..]).unwrap() as u64;
    let before = origin.requests().len();
    maker.part(&facts, &full, data + 5_000_000..data + 5_000_100).await.unwrap();
    assert_eq!(asked(&origin, before), [("/long".to_owned(), "bytes=5000000-5000099".to_owned())]);

    // To the end: what was seen whole needs no byte before the window.
    let before = origin.requests().len();
    maker.part(&facts, &full, data + (15 << 20)..whole.len() as u64).await.unwrap();
    let first = asked(&origin, before)[0].clone();
    assert_eq!(first, ("/long".to_owned(), format!("bytes={}-{}", 15 << 20, (20 << 20) - 1)));
    assert!(asked(&origin, before).iter().all(|(path, _)| path != "/empty" && path != "/small"));

    // With a checkpoint only, it is read from there.
    let some = book();
    let at = full.of(2)[0].clone();
    assert!((8 << 20..10 << 20).contains(&at.offset), "{at:?}");
    some.note(2, at.clone());
    let window = data + (15 << 20)..whole.len() as u64;
    let reread = maker.planned(&facts).reread(&window, &some.seen().await).unwrap();
    // The empty and the small source, and from the checkpoint.
    assert_eq!(reread, 1000 + (15 << 20) - at.offset);
    let before = origin.requests().len();
    let part = maker.part(&facts, &some, window.clone()).await.unwrap();
    assert!(part == whole[window.start as usize..]);
    let first = asked(&origin, before)[0].clone();
    assert_eq!(first, ("/long".to_owned(), format!("bytes={}-{}", at.offset, (20 << 20) - 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_leave_checkpoints_of_every_long_entry() {
    let origin = Origin::start().await;
    let url = |seed: u64| origin.serve(&format!("/{seed}"), tagged(seed, 20 << 20));
    let file = |seed: u64| json!({ "url": url(seed), "zipPath": seed.to_string() });
    let maker = Maker::new(json!({ "files": [file(0), file(1), file(2)] }), |_| {});
    let probed = maker.archives.probe(maker.descriptor(), Limits { size: SIZE }, None).await.unwrap();
    let facts = probed.facts().clone();
    drop(probed);
    let (book, length) = (book(), maker.planned(&facts).forecast.length.unwrap());
    let part = maker.part(&facts, &book, 5 << 20..length).await.unwrap();
    assert_eq!(part.len() as u64, length - (5 << 20));
    for index in 0..3 {
        assert_eq!(book.of(index).len(), 2, "{index}: {:?}", book.of(index));
        assert!(book.seen().await.whole(index).is_some());
    }
    // Also what is read for the central directory alone.
    let tail = self::book();
    maker.part(&facts, &tail, length - 22..length).await.unwrap();
    assert_eq!([0, 1, 2].map(|index| tail.of(index).len()), [2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sequence_of_parts_completes_what_fails_a_check() {
    for (field, value) in [("crc32", json!("00000001")), ("sha256", json!("00".repeat(32)))] {
        let origin = Origin::start().await;
        let mut file =
            json!({ "url": origin.serve("/a", tagged(1, 10 << 20)), "zipPath": "a", "size": 10 << 20 });
        file[field] = value;
        let maker = Maker::new(json!({ "files": [file] }), |_| {});
        let probed = maker.archives.probe(maker.descriptor(), Limits { size: SIZE }, None).await.unwrap();
        let facts = probed.facts().clone();
        let length = probed.plan(facts.clone()).unwrap().forecast.length.unwrap();
        let book = book();
        for start in [0, 1 << 20, 9 << 20, length - 200, length - 1] {
            // All before the end may be had.
            let middle = start.min(5 << 20)..6 << 20;
            assert!(maker.part(&facts, &book, middle).await.is_ok(), "{field}");
            let failure = maker.part(&facts, &book, start..length).await.unwrap_err();
            assert!(failure.to_string().contains(&format!("its {field} is")), "{field}: {failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_proven_sources_make_divisible_archives() {
    let origin = Origin::start().await;
    let url = origin.serve("/deflated", tagged(1, 100_000));
    let deflated = json!({ "files": [{ "url": url, "zipPath": "a", "compression": "DEFLATE" }] });
    assert_eq!(Maker::new(deflated, |_| {}).whole(&book()).await.2, None);
    for (route, is_divisible) in [
        (tagged(1, 100_000), true),
        (Route::pattern(1, 100_000), false),
        (tagged(1, 100_000).etag("W/\"1\""), false),
        (tagged(1, 100_000).ignores_ranges(), false),
        (tagged(1, 100_000).ignores_ranges().chunked(), false),
        (tagged(1, 100), true),
        (Route::pattern(1, 100), false),
    ] {
        let url = origin.serve("/a", route);
        let maker = Maker::new(json!({ "files": [{ "url": url, "zipPath": "a" }] }), |_| {});
        let (_, facts, etag) = maker.whole(&book()).await;
        assert_eq!(etag.is_some(), is_divisible, "{facts:?}");
        assert_eq!(maker.planned(&facts).forecast.etag, etag);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_changes_with_whatever_reaches_the_bytes() {
    let origin = Origin::start().await;
    let url = origin.serve("/a", tagged(1, 100_000));
    let other = origin.serve("/b", tagged(1, 100_000));
    let file = |change: &[(&str, Value)]| {
        let mut file = json!({ "url": url, "zipPath": "a" });
        change.iter().for_each(|(key, value)| file[*key] = value.clone());
        json!({ "files": [file] })
    };
    let mut tags = Vec::new();
    for descriptor in [
        file(&[]),
        file(&[("url", json!(other))]),
        file(&[("zipPath", json!("b"))]),
        file(&[("mode", json!("0600"))]),
        file(&[("lastModified", json!("2026-01-01T00:00:00Z"))]),
        file(&[("crc32", json!("00000000")), ("size", json!(100_000))]),
        json!({ "files": [{ "url": "data:,a", "zipPath": "a", "lastModified": "2026-01-01T00:00:00Z" }] }),
        json!({ "files": [{ "url": "data:,b", "zipPath": "a", "lastModified": "2026-01-01T00:00:00Z" }] }),
        json!({ "manifest": {}, "files": file(&[])["files"] }),
        json!({ "manifest": { "zipPath": "b" }, "files": file(&[])["files"] }),
    ] {
        let maker = Maker::new(descriptor, |_| {});
        let probed = maker.archives.probe(maker.descriptor(), Limits { size: SIZE }, None).await.unwrap();
        let facts = probed.facts().clone();
        tags.push(probed.plan(facts).unwrap().forecast.etag.unwrap());
    }
    let mut distinct = tags.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), tags.len(), "{tags:?}");
    assert!(tags.iter().all(|tag| tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"')), "{tags:?}");
}

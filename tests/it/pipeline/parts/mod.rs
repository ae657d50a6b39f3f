//! Parts of an archive are slices of the whole, whatever was seen of its sources before.

mod slices;

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

use crate::support::origin::{Gate, Origin, Route, pattern};

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

/// What only the central directory tells of is read at once, not one after another.
#[tokio::test(flavor = "multi_thread")]
async fn short_sources_that_the_end_tells_of_are_asked_together() {
    let origin = Origin::start().await;
    let serve = |seed, route| origin.serve(&format!("/{seed}"), route);
    let file = |seed| json!({ "url": serve(seed, tagged(seed, 1000)), "zipPath": seed.to_string() });
    let maker = Maker::new(json!({ "files": (0..20).map(file).collect::<Vec<_>>() }), |_| {});
    let full = book();
    let (whole, facts, _) = maker.whole(&full).await;
    let total = whole.len() as u64;
    // One that was seen is not asked for again.
    let some = book();
    some.note_whole(5, full.seen().await.whole(5).unwrap());
    let (before, gate) = (origin.requests_to("/5").len(), Gate::closed());
    (0..20).for_each(|seed| drop(serve(seed, tagged(seed, 1000).gate(10, &gate))));
    let part = maker.part(&facts, &some, total - 22..total);
    let asked = async {
        origin.until("all but one asked", |origin| origin.answering() == 19).await;
        gate.open();
    };
    let (part, ()) = futures_util::future::join(part, asked).await;
    assert!(part.unwrap() == whole[whole.len() - 22..]);
    assert_eq!(origin.requests_to("/5").len(), before);
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

//! What a client may ask of the compression: its level, the choice of whether there is any, and archives for readers
//! that cannot seek.

use rc_zip_sync::ReadZip;
use rc_zip_sync::rc_zip::parse::Method;
use serde_json::{Value, json};

use super::download::{Protocol, assert_whole, post};
use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::{Origin, Route, pattern};
use crate::support::readers::{self, Kind};

/// The modification time of all sources, so that no clock reaches an archive.
const DATED: &str = "Mon, 02 Nov 2026 10:00:00 GMT";

/// Lines of a log, which shrink; of every seed others.
pub(super) fn text(seed: u64, length: usize) -> Vec<u8> {
    let line = |n: u64| {
        let mixed = (n + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        format!("10.0.{}.{} GET /api/v1/orders/{mixed} {}\n", n % 4, n % 256, 200 + mixed % 5)
    };
    (0..).flat_map(|n| line(n).into_bytes()).take(length).collect()
}

/// Serves bodies under their index and describes their archive.
fn serve(origin: &Origin, bodies: &[Vec<u8>], change: impl Fn(Route) -> Route) -> Value {
    let file = |(index, body): (usize, &Vec<u8>)| {
        let route = Route::bytes(body.clone()).etag("\"v\"").last_modified(DATED);
        json!({ "url": origin.serve(&format!("/{index}"), change(route)), "zipPath": index.to_string() })
    };
    json!({ "files": bodies.iter().enumerate().map(file).collect::<Vec<_>>() })
}

/// What readers must find.
fn rows(bodies: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    bodies.iter().enumerate().map(|(index, body)| (index.to_string(), body.clone())).collect()
}

/// The methods in an archive's central directory.
pub(super) fn methods(archive: &[u8]) -> Vec<Method> {
    archive.read_zip().unwrap().entries().map(|entry| entry.method).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_is_read_by_everybody_and_none_makes_data_larger() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let noise = pattern(3, 0..(2 << 20) + 777);
    let mixed = [text(1, 700_000), noise[..700_000].to_vec(), text(2, 700_000)].concat();
    let bodies =
        [text(0, 1 << 20), noise.clone(), mixed, text(4, 300_000), text(5, 10_000), noise[..9000].to_vec()];
    let mut descriptor = serve(&origin, &bodies, |route| route);
    let incompressible: Vec<_> =
        [noise.len(), 9000, 5000, 100, 1].map(|length| noise[..length].to_vec()).into();
    let noisy = Origin::start().await;
    let mut alone = serve(&noisy, &incompressible, |route| route);
    let mut lengths = Vec::new();
    for level in 1..=9 {
        descriptor["compression"] = json!("DEFLATE");
        descriptor["compressionLevel"] = json!(level);
        let answer = post(&app, &descriptor).send().await;
        assert_whole(&answer, &bodies, &format!("level {level}"));
        assert_eq!(methods(&answer.body), [Method::Deflate; 6]);
        if level % 4 == 1 {
            readers::judge(&answer.body, &rows(&bodies), Kind::StreamedDeflate);
        }
        lengths.push(answer.body.len());
        alone["compression"] = json!("DEFLATE");
        alone["compressionLevel"] = json!(level);
        let answer = post(&app, &alone).send().await;
        assert_whole(&answer, &incompressible, &format!("noise at level {level}"));
        for entry in answer.body.read_zip().unwrap().entries() {
            let (size, in_archive) = (entry.uncompressed_size, entry.compressed_size);
            let most = size + (size / 1000).max(5);
            assert!(in_archive <= most, "level {level}: {size} bytes become {in_archive}");
        }
    }
    assert!(lengths[8] < lengths[5] && lengths[5] < lengths[0], "{lengths:?}");
    // The file's own level wins.
    descriptor["compressionLevel"] = json!(1);
    for file in descriptor["files"].as_array_mut().unwrap() {
        file["compressionLevel"] = json!(9);
    }
    let answer = post(&app, &descriptor).send().await;
    assert_eq!(answer.body.len(), lengths[8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_cores_nor_chunks_nor_budgets_reach_the_bytes() {
    let origin = Origin::start().await;
    let lengths = [70_000, 3, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 0, 50_000, (3 << 20) + 5, 900_000];
    let bodies: Vec<_> = (0..).zip(lengths).map(|(seed, length)| text(seed, length)).collect();
    let mut first = std::collections::HashMap::new();
    for (cores, total, piece) in
        [(1, 64 << 20, 1 << 20), (2, 64 << 20, 10_007), (7, 64 << 20, 333_333), (7, 0, 100_000)]
    {
        let app = App::with(|config| {
            config.archive.compressors = cores;
            config.archive.prefetch_total.0 = total;
        })
        .await;
        for compression in ["DEFLATE", "AUTO"] {
            let mut descriptor = serve(&origin, &bodies, |route| {
                route.dribble(piece, std::time::Duration::from_millis(1)).closes()
            });
            descriptor["compression"] = json!(compression);
            let answer = post(&app, &descriptor).send().await;
            assert_whole(&answer, &bodies, &format!("{cores} cores, {total} bytes ahead"));
            let first = first.entry(compression).or_insert_with(|| answer.body.clone());
            assert!(*first == answer.body, "{cores} cores, {total} bytes ahead, {compression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_stores_what_is_compressed_already() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let (words, noise) = (text(1, 200_000), pattern(1, 0..200_000));
    let typed =
        |body: &[u8], kind: &str| Route::bytes(body.to_vec()).etag("\"v\"").header("Content-Type", kind);
    let mut png = json!({ "url": "data:,", "zipPath": "own choice", "compression": "STORE" });
    png["url"] = json!(origin.serve("/own", typed(&words, "text/plain")));
    let file =
        |path: &str, name: &str, route: Route| json!({ "url": origin.serve(path, route), "zipPath": name });
    let files = [
        // Not the first source alone is looked at.
        (file("/noise", "noise", typed(&noise, "text/plain")), Method::Store),
        (file("/words", "words", typed(&words, "text/plain")), Method::Deflate),
        (file("/typed", "typed", typed(&words, "image/jpeg")), Method::Store),
        (file("/a.gz", "by its URL", typed(&words, "text/plain")), Method::Store),
        (file("/named", "named.ZIP", typed(&words, "text/plain")), Method::Store),
        (file("/noise2", "noise.txt", typed(&noise, "application/octet-stream")), Method::Store),
        (file("/words2", "words.bin", typed(&words, "application/octet-stream")), Method::Deflate),
        (file("/short", "short", typed(&noise[..3000], "text/plain")), Method::Store),
        (file("/empty", "empty", typed(b"", "text/plain")), Method::Store),
        (file("/plain", "plain", typed(&words, "text/plain").ignores_ranges()), Method::Deflate),
        (file("/chunked", "chunked", typed(&noise, "a/b").ignores_ranges().chunked()), Method::Store),
        (json!({ "url": format!("data:,{}", "a".repeat(480)), "zipPath": "data" }), Method::Deflate),
        (json!({ "zipPath": "directory/" }), Method::Store),
        (png, Method::Store),
    ];
    let (files, expected): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    let mut bodies = vec![&noise[..], &words, &words, &words, &words, &noise, &words, &noise[..3000], b""];
    let data = [b'a'; 480];
    bodies.extend([&words[..], &noise, &data, b"", &words]);
    let mut descriptor = json!({ "compression": "auto", "files": files });
    let answer = post(&app, &descriptor).send().await;
    assert_whole(&answer, &bodies, "as they are");
    assert_eq!(methods(&answer.body), expected);
    // Whichever comes first is judged alike.
    descriptor["files"].as_array_mut().unwrap().reverse();
    let answer = post(&app, &descriptor).send().await;
    bodies.reverse();
    assert_whole(&answer, &bodies, "reversed");
    assert!(methods(&answer.body).iter().eq(expected.iter().rev()));
    let names = descriptor["files"].as_array().unwrap().iter();
    let names = names.map(|file| file["zipPath"].as_str().unwrap().to_owned());
    let rows: Vec<_> = names.zip(bodies.iter().map(|body| body.to_vec())).collect();
    readers::judge(&answer.body, &rows, Kind::StreamedStore);
}

/// Sources that nobody looks at, or that are silent when they are asked, go by their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_goes_by_the_name_where_nothing_was_seen() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.archive.probe_files = 2;
        config.archive.probe_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    let noise = pattern(1, 0..200_000);
    let serve = |path: &str| origin.serve(path, Route::bytes(noise.clone()).etag("\"v\""));
    let slow = Route::bytes(noise.clone()).etag("\"v\"").delay(std::time::Duration::from_millis(800));
    let files = json!([
        { "url": serve("/0"), "zipPath": "seen" },
        { "url": origin.serve("/1", slow), "zipPath": "silent" },
        { "url": serve("/2"), "zipPath": "not asked" },
        { "url": serve("/3"), "zipPath": "not asked.gz" },
    ]);
    let answer = post(&app, &json!({ "compression": "AUTO", "files": files })).send().await;
    assert_whole(&answer, &[&noise, &noise, &noise, &noise], "unseen");
    assert_eq!(methods(&answer.body), [Method::Store, Method::Deflate, Method::Deflate, Method::Store]);
}

/// A link's second download makes the bytes of the first, whatever the sources say of themselves by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_auto_decided_stays_decided() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let (words, noise) = (text(1, 200_000), pattern(1, 0..200_000));
    let route = |body: &[u8], kind: &str| {
        Route::bytes(body.to_vec()).etag("\"v\"").last_modified(DATED).header("Content-Type", kind)
    };
    let serve = |kind: &str| {
        let (words, noise) = (route(&words, kind), route(&noise, kind));
        [origin.serve("/words", words), origin.serve("/noise", noise)]
    };
    let urls = serve("text/plain");
    let files = urls.map(|url| json!({ "url": url, "zipPath": url.rsplit('/').next() }));
    let descriptor = json!({ "compression": "AUTO", "files": files });
    let link = Request::post(app.address(), "/api/download-links").json(&descriptor).send().await.json();
    let download = || Request::get(app.address(), link["downloadUrl"].as_str().unwrap()).send();
    let first = download().await;
    assert_eq!(methods(&first.body), [Method::Deflate, Method::Store]);
    serve("application/zip");
    let second = download().await;
    assert!(second.is_whole() && first.body == second.body);
}

/// However a source cuts its bytes, what is written is the same, and what waits for its turn is joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_send_byte_by_byte_come_whole() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let bodies = [text(1, 50_000), text(2, 150_000), pattern(3, 0..150_000), text(4, 60_000)];
    for compression in ["AUTO", "STORE", "DEFLATE"] {
        let mut answers = Vec::new();
        for octets in [1 << 14, 1] {
            let mut descriptor = serve(&origin, &bodies, |route| route.ignores_ranges().chunks_of(octets));
            (descriptor["compression"], descriptor["streamable"]) = (json!(compression), json!(true));
            let answer = post(&app, &descriptor).send().await;
            assert_whole(&answer, &bodies, compression);
            answers.push(answer.body);
        }
        assert!(answers[0] == answers[1], "{compression}");
    }
}

/// A body that is held whole may be of several blocks: some of them are done when its source begins anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_a_body_that_begins_anew_are_forgotten() {
    let origin = Origin::start().await;
    let app = App::with(|config| config.archive.inline_size.0 = 8 << 20).await;
    let bodies = [text(1, 5 << 20)];
    let mut descriptor = json!({ "files": [{ "zipPath": "0" }], "compression": "DEFLATE" });
    // Without a validator it cannot be continued.
    let route = Route::bytes(bodies[0].clone()).first(1, |route| route.rate(8_000_000).cut(3 << 20));
    descriptor["files"][0]["url"] = json!(origin.serve("/0", route));
    let answer = post(&app, &descriptor).send().await;
    assert_eq!(origin.requests_to("/0").len(), 2);
    assert_whole(&answer, &bodies, "begun anew");
    readers::judge(&answer.body, &rows(&bodies), Kind::Known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streamable_archives_are_read_front_to_back() {
    let origin = Origin::start().await;
    // Nothing is inlined but what is empty.
    let app = App::with(|config| config.archive.inline_size.0 = 0).await;
    let mib = 1 << 20;
    let sizes = [0, 1, 65_534, 65_535, 65_536, 131_069, 131_070, 131_071, mib - 1, mib, mib + 1, 5 * mib];
    let bodies: Vec<_> = (0..).zip(sizes).map(|(seed, size)| pattern(seed, 0..size)).collect();
    let mut of_known_length = Vec::new();
    for is_known in [true, false] {
        let mut descriptor =
            serve(
                &origin,
                &bodies,
                |route| if is_known { route } else { route.ignores_ranges().chunks_of(10_007) },
            );
        descriptor["streamable"] = json!(true);
        for protocol in Protocol::ALL {
            let answer = protocol.download(&app, &descriptor).await;
            let what = format!("{protocol:?}, known: {is_known}");
            assert_whole(&answer, &bodies, &what);
            assert_eq!(answer.header("content-length").is_some(), is_known, "{what}");
            // Of unknown length, the empty one is not known to be.
            let empty = if is_known { Method::Store } else { Method::Deflate };
            let methods = methods(&answer.body);
            assert!(methods[0] == empty && methods[1..].iter().all(|it| *it == Method::Deflate), "{what}");
            if protocol == Protocol::Http11 {
                readers::judge(&answer.body, &rows(&bodies), Kind::StreamedDeflate);
                of_known_length.push(answer.body);
            }
        }
    }
    // Behind the first entry, which is empty, the bytes are the same.
    let [known, unknown] = &of_known_length[..] else { panic!("two archives") };
    let second = |archive: &[u8]| archive.windows(4).skip(4).position(|it| it == b"PK\x03\x04").unwrap() + 4;
    let end = |archive: &[u8]| archive.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    assert!(known[second(known)..end(known)] == unknown[second(unknown)..end(unknown)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streamable_leaves_alone_what_tells_its_end_anyway() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let (small, large) = (pattern(1, 0..60_000), pattern(2, 0..200_000));
    let mut descriptor = serve(&origin, &[small.clone(), large.clone(), large.clone()], |route| route);
    descriptor["streamable"] = json!(true);
    descriptor["files"][1]["size"] = json!(200_000);
    descriptor["files"][1]["crc32"] = json!(format!("{:08x}", crc32fast::hash(&large)));
    descriptor["files"].as_array_mut().unwrap().push(json!({ "zipPath": "3/" }));
    let answer = post(&app, &descriptor).send().await;
    assert_whole(&answer, &[&small[..], &large, &large, b""], "mixed");
    assert_eq!(methods(&answer.body), [Method::Store, Method::Store, Method::Deflate, Method::Store]);
    // Parts of it are slices, as of any other.
    let link = Request::post(app.address(), "/api/download-links").json(&descriptor).send().await.json();
    let get = || Request::get(app.address(), link["downloadUrl"].as_str().unwrap());
    let first = get().send().await;
    let second = get().header("Range", "bytes=1000-").send().await;
    assert_eq!((first.status, second.status), (200, 206));
    assert!(second.is_whole() && first.body[1000..] == second.body);
    // A broken source breaks it off as it does any other.
    origin.serve("/2", Route::bytes(large).cut(150_000).ignores_ranges().closes());
    for protocol in Protocol::ALL {
        let answer = protocol.download(&app, &descriptor).await;
        super::download::assert_aborted(&answer, protocol, "cut");
    }
}

//! Archives equal their sources byte by byte, in order, whatever the sources' sizes, names and framing.

use serde_json::{Value, json};

use super::download::{Protocol, assert_whole, contents, post};
use crate::support::App;
use crate::support::origin::{Origin, Route, Tls, authority, pattern};
use crate::support::readers::{self, Kind};

/// Below, at and above the length to which bodies are inlined, and that to which they are asked for ahead.
const SIZES: [u64; 9] =
    [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 30 << 20];

/// Lawful names that something between here and a reader might bend.
const NAMES: [&str; 9] = [
    "plain.txt",
    "deeply/nested/folders/of/it/1",
    "ünïcödé/名前.bin",
    "emoji 😀/🗂.dat",
    " a space before",
    "..two dots",
    ".hidden/.file",
    "time 12:30:00+02.log",
    "a+b&c=d%20e;f'g\"h",
];

/// How a source frames its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Ranged,
    Plain,
    Chunked,
    UntilClose,
}

impl Framing {
    fn serve(self, route: Route) -> Route {
        match self {
            Framing::Ranged => route.etag("\"v1\""),
            Framing::Plain => route.ignores_ranges(),
            Framing::Chunked => route.ignores_ranges().chunks_of(10_000),
            Framing::UntilClose => route.ignores_ranges().until_close(),
        }
    }

    fn tells_lengths(self) -> bool {
        matches!(self, Framing::Ranged | Framing::Plain)
    }
}

/// Downloads every size of a framing; DEFLATE without the largest, which a debug build compresses for long.
async fn all_sizes(framing: Framing, compression: &str) {
    all_sizes_of(&Origin::start().await, &App::start().await, framing, compression).await;
}

/// The same of an origin and a service that are there.
async fn all_sizes_of(origin: &Origin, app: &App, framing: Framing, compression: &str) {
    let sizes = if compression == "STORE" { &SIZES[..] } else { &SIZES[..8] };
    let mut files = Vec::new();
    let mut expected = Vec::new();
    for (seed, (size, name)) in (0_u64..).zip(sizes.iter().zip(NAMES)) {
        let route = framing.serve(Route::pattern(seed, *size));
        let url = origin.serve(&format!("/{seed}"), route);
        files.push(json!({ "url": url, "zipPath": name }));
        expected.push((name.to_owned(), pattern(seed, 0..*size)));
    }
    let descriptor = json!({ "compression": compression, "files": files });
    for protocol in Protocol::ALL {
        let answer = protocol.download(app, &descriptor).await;
        let what = format!("{framing:?} {compression} {protocol:?}");
        let bodies: Vec<_> = expected.iter().map(|(_, body)| body).collect();
        assert_whole(&answer, &bodies, &what);
        let names: Vec<_> = contents(&answer.body).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, NAMES[..sizes.len()], "{what}");
        let is_known = framing.tells_lengths() && compression == "STORE";
        assert_eq!(answer.header("content-length").is_some(), is_known, "{what}");
        if protocol == Protocol::Http11 {
            let kind = if compression == "STORE" { Kind::StreamedStore } else { Kind::StreamedDeflate };
            readers::judge(&answer.body, &expected, kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranged_sources_are_stored_as_they_are() {
    all_sizes(Framing::Ranged, "STORE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_without_ranges_are_stored_as_they_are() {
    all_sizes(Framing::Plain, "STORE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunked_sources_are_stored_as_they_are() {
    all_sizes(Framing::Chunked, "STORE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_end_with_their_connection_are_stored_as_they_are() {
    all_sizes(Framing::UntilClose, "STORE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_behind_tls_are_stored_as_they_are() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, authority().as_bytes()).unwrap();
    let app = App::with(|config| config.fetch.ca_file = Some(file.path().to_owned())).await;
    for framing in [Framing::Ranged, Framing::UntilClose] {
        all_sizes_of(&Origin::start_tls(Tls::Trusted).await, &app, framing, "STORE").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranged_sources_are_deflated_without_loss() {
    all_sizes(Framing::Ranged, "DEFLATE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunked_sources_are_deflated_without_loss() {
    all_sizes(Framing::Chunked, "DEFLATE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_plan_makes_the_same_bytes() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let dated = |route: Route| route.last_modified("Mon, 02 Nov 2026 10:00:00 GMT");
    let files: Vec<Value> = SIZES[..8]
        .iter()
        .enumerate()
        .map(|(seed, size)| {
            let url = origin.serve(&format!("/{seed}"), dated(Route::pattern(seed as u64, *size)));
            let compression = if seed % 2 == 0 { "STORE" } else { "DEFLATE" };
            json!({ "url": url, "zipPath": seed.to_string(), "compression": compression })
        })
        .collect();
    let descriptor = json!({ "files": files });
    let first = post(&app, &descriptor).send().await;
    // Other pieces from the sources, other pauses of the reader: no other bytes.
    for (seed, size) in SIZES[..8].iter().enumerate() {
        let route = dated(Route::pattern(seed as u64, *size));
        let dribble = route.dribble(7777, std::time::Duration::from_millis(1));
        origin.serve(&format!("/{seed}"), dribble);
    }
    let second = post(&app, &descriptor).rate(8 << 20).send().await;
    assert!(first.is_whole() && second.is_whole());
    assert!(first.body == second.body, "{} and {} bytes", first.body.len(), second.body.len());
}

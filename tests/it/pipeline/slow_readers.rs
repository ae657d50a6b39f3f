//! A reader may take its time, and may leave: neither is a source's fault, and neither keeps anything.

use std::time::{Duration, Instant};

use super::download::{Protocol, assert_whole, numbered, post};
use crate::support::App;
use crate::support::client::http2;
use crate::support::origin::{Head, Origin, Route, pattern};

const LENGTH: u64 = 4 << 20;

/// Eight sources of 4 MiB, by path and URL.
fn eight(origin: &Origin) -> Vec<String> {
    (0..8).map(|seed| origin.serve(&format!("/{seed}"), Route::pattern(seed, LENGTH).etag("\"v\""))).collect()
}

/// Waits until no source's connection is open and no byte is held; fails after a second.
async fn all_given_back(origin: &Origin, app: &App, what: &str) {
    let start = Instant::now();
    while origin.open() > 0 || app.held() > 0 {
        let (open, held) = (origin.open(), app.held());
        assert!(start.elapsed() < Duration::from_secs(1), "{what}: {open} connections, {held} bytes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The clocks of the sources run out ten times over while the reader does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stalls_still_gets_its_archive() {
    let origin = Origin::start().await;
    let app = App::with(|config| {
        let clock = Duration::from_millis(300);
        (config.fetch.first_byte_timeout, config.fetch.idle_timeout) = (clock, clock);
        (config.fetch.min_rate_window, config.fetch.min_rate.0) = (clock, 100_000);
    })
    .await;
    let bodies: Vec<_> = (0..8).map(|seed| pattern(seed, 0..LENGTH)).collect();
    let mut reading = post(&app, &numbered(eight(&origin))).receive_buffer(16 << 10).open().await;
    let mut body = reading.take(100_000).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    body.extend(reading.take(5_000_000).await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut answer = reading.finish().await;
    answer.body = [body, answer.body].concat();
    assert_whole(&answer, &bodies, "stalled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_closes_every_source() {
    leaves_with("STORE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_stops_the_compressor() {
    leaves_with("DEFLATE").await;
}

async fn leaves_with(compression: &str) {
    let (origin, app) = (Origin::start().await, App::start().await);
    let mut descriptor = numbered(eight(&origin));
    descriptor["compression"] = compression.into();
    for protocol in Protocol::ALL {
        let what = format!("{compression} {protocol:?}");
        if protocol == Protocol::Http2 {
            let mut connection = http2::Connection::open(app.address()).await;
            let request = connection.request("POST", "/api/downloads", descriptor.to_string());
            let response = connection.open_stream(request).await.unwrap();
            origin.until("being read", |origin| origin.open() >= 8).await;
            // The connection lives on: only its stream is reset.
            drop(response);
            all_given_back(&origin, &app, &what).await;
            continue;
        }
        let request = post(&app, &descriptor).receive_buffer(16 << 10);
        let request = if protocol == Protocol::Http10 { request.http10() } else { request };
        let mut reading = request.open().await;
        assert_eq!(reading.take(1000).await.len(), 1000, "{what}");
        origin.until("being read", |origin| origin.open() >= 8).await;
        drop(reading);
        all_given_back(&origin, &app, &what).await;
    }
}

/// What is compressed ahead is bounded by the cores and by the budget; the rest stays at its source.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_stops_the_compressor() {
    for (budget, blocks) in [(64 << 20, 4), (2 << 20, 3), (0, 1)] {
        let origin = Origin::builder().send_buffer(64 << 10).start().await;
        let app = App::with(|config| {
            config.archive.compressors = 3;
            config.archive.prefetch_total.0 = budget;
            // What waits in the kernel for its turn is another matter.
            (config.archive.prefetch_size.0, config.archive.probe_size.0) = (1, 1);
        })
        .await;
        let mut descriptor = numbered(eight(&origin));
        descriptor["compression"] = "DEFLATE".into();
        let mut reading = post(&app, &descriptor).receive_buffer(16 << 10).open().await;
        assert_eq!(reading.take(1000).await.len(), 1000);
        let mut sent = 0;
        // Until nothing more comes: what takes longer than this only makes the test milder.
        while std::mem::replace(&mut sent, origin.sent()) != sent || sent == 0 {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        // The blocks, that of which the reader took a part, and what a read and the kernels hold.
        let most = (blocks + 1) * (1 << 20) + (5 << 20) / 2;
        assert!(sent <= most, "{budget}: {sent} bytes were read, not {most}");
        assert!(app.held() <= budget.min(3 << 20) + 1, "{budget}: {} bytes are held", app.held());
        let body: Vec<_> = (0..8).map(|seed| pattern(seed, 0..LENGTH)).collect();
        let mut answer = reading.finish().await;
        answer.body = [vec![0; 1000], answer.body].concat();
        assert!(answer.is_whole() && answer.body.len() > body.concat().len());
    }
}

/// What was compressed ahead cannot be given back, so it is little from the beginning, and never most of the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_keeps_little_compressed_and_starves_nobody() {
    const TOTAL: u64 = 16 << 20;
    let origin = Origin::start().await;
    let app = App::with(|config| {
        config.archive.compressors = 32;
        config.archive.prefetch_total.0 = TOTAL;
        // What waits in the kernel for its turn is another matter.
        (config.archive.prefetch_size.0, config.archive.probe_size.0) = (1, 1);
    })
    .await;
    let descriptor = |length| {
        let route = |seed| Route::pattern(seed, length).etag("\"v\"");
        let mut descriptor =
            numbered((0..4).map(|seed| origin.serve(&format!("/{length}/{seed}"), route(seed))));
        (descriptor["compression"], descriptor["compressionLevel"]) = ("DEFLATE".into(), 1.into());
        descriptor
    };
    let settled = async || {
        let mut held = u64::MAX;
        while std::mem::replace(&mut held, app.held()) != held {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        held
    };
    // One that takes nothing from the beginning.
    let mut stopped = Vec::new();
    for count in 1..=3 {
        let mut reading = post(&app, &descriptor(64 << 20)).receive_buffer(16 << 10).open().await;
        assert_eq!(reading.take(1000).await.len(), 1000);
        stopped.push(reading);
        let held = settled().await;
        assert!(held <= count * (3 << 20) + 64, "{count} stopped: {held} bytes are held");
    }
    drop(stopped);
    // One that was as fast as could be.
    let mut reading = post(&app, &descriptor(64 << 20)).open().await;
    assert_eq!(reading.take(40 << 20).await.len(), 40 << 20);
    let held = settled().await;
    assert!(held <= TOTAL / 2 + 64, "{held} of {TOTAL} bytes are held");
    let began = settled().await;
    let answer = post(&app, &descriptor(8 << 20)).send().await;
    assert!(answer.is_whole() && app.held() <= began, "{} bytes are held, not {began}", app.held());
    drop(reading);
    assert_eq!(settled().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_before_the_first_byte_closes_every_source() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let mut urls = eight(&origin);
    urls.push(origin.serve("/silent", Route::bytes("").head(Head::Hung)));
    let descriptor = numbered(urls);
    for protocol in Protocol::ALL {
        let download = protocol.download(&app, &descriptor);
        let left = tokio::time::timeout(Duration::from_millis(600), download).await;
        assert!(left.is_err(), "{protocol:?}: the silent source is waited for");
        all_given_back(&origin, &app, &format!("{protocol:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_closes_every_other_source() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let mut urls = eight(&origin);
    urls.insert(0, origin.serve("/cut", Route::pattern(1, 2 << 20).cut(1 << 20)));
    let answer = post(&app, &numbered(urls)).send().await;
    assert!(!answer.is_whole());
    all_given_back(&origin, &app, "failed").await;
}

//! Servers that answer otherwise than they should: what they send is all there is, or it is a failure.

use std::time::Duration;

use zipstream::fetch::Error;

use super::{Bench, read};
use crate::support::origin::{Origin, Request, Route, pattern};

/// The length of the sources, in octets.
const LENGTH: u64 = 300_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_says_200_is_not_taken_for_the_whole() {
    let origin = Origin::start().await;
    let part = || {
        let range = format!("bytes 0-999/{LENGTH}");
        Route::pattern(1, 1000).ignores_ranges().etag("\"v\"").header("Content-Range", range)
    };
    let whole = || Route::pattern(1, LENGTH).ignores_ranges().etag("\"v\"").header("Accept-Ranges", "bytes");
    // What it says of ranges does not hold: a break is met by asking for all again.
    let lost_status = move |request: &Request, nth| match request.header("range") {
        Some(_) => part(),
        None if nth == 1 => whole().cut(2000),
        None => whole(),
    };
    let bench = Bench::new();
    let mut reader = bench.reader(&origin.serve("/a", Route::by(lost_status))).forgettable();
    let (bytes, end) = read(&mut reader, u64::MAX).await;
    end.unwrap();
    assert!(bytes.ends_with(&pattern(1, 0..LENGTH)), "{} bytes", bytes.len());
    assert_eq!(reader.offset(), LENGTH);
    // One that never sends all.
    let (_, end) = bench.read(&origin.serve("/b", part())).await;
    assert!(matches!(end, Err(Error::Protocol(_))), "{end:?}");
    // One that sends all, and says so.
    let told = whole().header("Content-Range", format!("bytes 0-{}/{LENGTH}", LENGTH - 1));
    let (bytes, end) = bench.read(&origin.serve("/c", told)).await;
    end.unwrap();
    assert!(bytes == pattern(1, 0..LENGTH));
    assert_eq!(origin.requests_to("/c").len(), 1);
}

/// The time for trying again runs out while a source is silent: it must not be asked for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stalls_in_the_same_place_fails() {
    let origin = Origin::start().await;
    let silence = Duration::from_millis(200);
    let bench = Bench::with(|config| (config.idle_timeout, config.retry_time) = (silence, silence), 4 << 20);
    let unproven = origin.serve("/unproven", Route::pattern(1, LENGTH).ignores_ranges().hang(1000));
    let proven = origin.serve("/proven", Route::pattern(2, LENGTH).etag("\"v\"").hang(1));
    for (url, is_forgettable) in [(&unproven, false), (&unproven, true), (&proven, false)] {
        let reader = bench.reader(url);
        let mut reader = if is_forgettable { reader.forgettable() } else { reader };
        let reading = tokio::time::timeout(Duration::from_secs(20), read(&mut reader, u64::MAX));
        let (_, end) = reading.await.unwrap_or_else(|_| panic!("{url} is asked for ever"));
        assert!(matches!(end, Err(Error::Timeout(_))), "{url}: {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codings_that_hide_the_end_are_refused() {
    let origin = Origin::start().await;
    for coding in ["identity", "gzip", "gzip, chunked", "chunked, chunked"] {
        let route = Route::pattern(1, LENGTH).until_close().header("Transfer-Encoding", coding);
        let (bytes, end) = Bench::new().read(&origin.serve("/a", route)).await;
        assert!(matches!(end, Err(Error::Protocol(_))), "{coding}: {} bytes, {end:?}", bytes.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_may_hold_characters_beyond_ascii() {
    let origin = Origin::start().await;
    origin.serve("/%C3%BC", Route::pattern(1, LENGTH));
    let url = origin.serve("/a", Route::redirect(302, "/\u{fc}"));
    let (bytes, end) = Bench::new().read(&url).await;
    end.unwrap();
    assert!(bytes == pattern(1, 0..LENGTH));
}

/// Under `Negotiate` and `NTLM` a server takes whoever uses a connection for whom it was proven to (RFC 4559 §6).
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_prove_who_asks_are_nobody_elses() {
    let (origin, bench) = (Origin::start().await, Bench::new());
    let url = origin.serve("/a", Route::pattern(1, LENGTH));
    let asked = async |authorization: Option<&str>| {
        let mut headers = http::HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        read(&mut bench.reader_with(&url, headers), u64::MAX).await.1.unwrap();
        origin.requests().pop().unwrap().connection
    };
    let plain = asked(None).await;
    assert_eq!(asked(Some("Bearer x")).await, plain, "a request that proves itself shares connections");
    for scheme in ["Negotiate YII=", "NTLM", "negotiate YII="] {
        let proven = asked(Some(scheme)).await;
        assert_ne!(asked(None).await, proven, "{scheme}");
    }
}

//! Sources as their reader meets them, without an archive around.

mod disturbed;
mod odd;
mod refused;
mod segments;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zipstream::budget::{Budget, Demand};
use zipstream::config::{self, Config};
use zipstream::descriptor::HttpSource;
use zipstream::egress;
use zipstream::fetch::{self, Allowance, Client, Error, Reader};

use crate::support::origin::{Origin, Route};

/// The length of segments in these tests, in octets: 64 KiB, so that a source of a second is a long one.
const SEGMENT: u64 = 64 << 10;
/// The rate of one connection to a slow source, in octets a second.
const RATE: u64 = 400_000;

/// What reads sources as an archive does, and the account of what it holds.
struct Bench {
    budget: Arc<Budget>,
    client: Client,
}

impl Bench {
    /// Four segments at once.
    fn new() -> Bench {
        Bench::with(|_| {}, 4 << 20)
    }

    fn with(change: impl FnOnce(&mut fetch::Config), budget: u64) -> Bench {
        let mut config: Config = config::load(&config::Sources::default()).unwrap().config;
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.fetch.segment_size.0 = SEGMENT;
        change(&mut config.fetch);
        let policy = egress::Policy::new(&config.egress, egress::Own { listen: vec![], public_host: None });
        let resolver = egress::Resolver::new(&[]).unwrap();
        let dialer = egress::Dialer::new(Arc::new(policy), resolver, egress::direct());
        Bench::of(&Client::new(config.fetch, dialer).unwrap(), budget)
    }

    /// Another archive of the same client.
    fn of(client: &Client, budget: u64) -> Bench {
        let budget = Budget::new(budget);
        Bench { client: client.within(Allowance::new(Arc::clone(&budget), || 0)), budget }
    }

    fn reader(&self, url: &str) -> Reader {
        self.reader_with(url, http::HeaderMap::new())
    }

    fn reader_with(&self, url: &str, headers: http::HeaderMap) -> Reader {
        let source = HttpSource { url: url.parse().unwrap(), headers };
        Reader::new(self.client.clone(), Arc::new(source), None, None, Arc::new(Demand::default()))
    }

    /// Reads a source to its end.
    async fn read(&self, url: &str) -> (Vec<u8>, Result<(), Error>) {
        read(&mut self.reader(url), u64::MAX).await
    }

    /// Waits until no byte is held and no connection is busy.
    async fn given_back(&self, origin: &Origin) {
        origin.until("given back", |origin| self.budget.held() == 0 && origin.answering() == 0).await;
    }
}

/// Reads until so many octets have come, or to the end.
async fn read(reader: &mut Reader, most: u64) -> (Vec<u8>, Result<(), Error>) {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < most {
        match reader.next().await {
            Ok(Some(chunk)) => bytes.extend::<Bytes>(chunk),
            Ok(None) => break,
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

/// A source that is worth segments.
fn slow(seed: u64, length: u64) -> Route {
    Route::pattern(seed, length).etag("\"v1\"").rate(RATE)
}

/// A clock that runs out soon, and not in a test of this kind.
const SOON: Duration = Duration::from_millis(300);

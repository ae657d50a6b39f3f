//! The rules of links' stores: each asked of memory and of a real Redis.

mod answers;
mod books;
mod progress;
mod secrecy;

use std::time::Duration;

use bytes::Bytes;
use zipstream::{
    config,
    links::{Config, Error, Links, Minted, Record},
    plan::Facts,
    state,
    value::{ByteSize, Secret},
};

use crate::support::redis::Redis;

/// One store, and the settings of its links.
struct Bench {
    name: &'static str,
    redis: Option<Redis>,
}

impl Bench {
    async fn both() -> [Bench; 2] {
        let shared = Bench { name: "redis", redis: Some(Redis::start().await) };
        [Bench { name: "memory", redis: None }, shared]
    }

    /// Links in this store, as one node sees them.
    fn links(&self, change: impl FnOnce(&mut Config)) -> Links {
        let mut config = config::load(&config::Sources::default()).unwrap().config.links;
        change(&mut config);
        let shared =
            self.redis.as_ref().map(|redis| state::Redis::connect(&Secret::new(redis.url())).unwrap());
        Links::new(config, shared)
    }
}

/// A record of this client, with a descriptor of so many octets.
fn record(client: &str, octets: usize) -> Record {
    let descriptor = Bytes::from(vec![b'x'; octets]);
    Record { client_id: client.into(), descriptor, entries: 3, tier_name: "anonymous".into() }
}

fn facts(time: i64) -> Facts {
    Facts { compressed: vec![true, false], heads: Vec::new(), inline_size: 1, time }
}

async fn mint(links: &Links) -> Minted {
    links.mint(&record("address:192.0.2.1", 100)).await.unwrap()
}

/// Asks until the answer is as expected.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    for _ in 0..1000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: never came to be");
}

fn is_missing<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::NotFound))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_found_by_its_token_alone() {
    for bench in Bench::both().await {
        let links = bench.links(|_| {});
        let stored = record("key:nightly", 70_000);
        let minted = links.mint(&stored).await.unwrap();
        assert_eq!(minted.expires_in, Duration::from_secs(60));
        let found = links.find(&minted.token).await.unwrap();
        assert_eq!((found.record, found.facts), (stored, None), "{}", bench.name);
        // It can be used again and again.
        links.find(&minted.token).await.unwrap();
        let other = mint(&bench.links(|_| {})).await.token;
        links.remove(&other).await.ok();
        assert!(is_missing(links.find(&other).await));
        assert!(is_missing(links.freeze(&other, &facts(1)).await));
        assert!(is_missing(links.begin(&other, 1).await));
        assert!(is_missing(links.status(&other).await));
        assert!(is_missing(links.remove(&other).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_its_time() {
    for bench in Bench::both().await {
        let links = bench.links(|config| config.ttl = Duration::from_millis(30));
        let token = &mint(&links).await.token;
        until("its end", || async { is_missing(links.find(token).await).then_some(()) }).await;
        assert!(is_missing(links.freeze(token, &facts(1)).await));
        assert!(is_missing(links.begin(token, 1).await));
        assert!(is_missing(links.status(token).await));
        assert!(is_missing(links.remove(token).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_link_is_gone_and_only_one_removed_it() {
    for bench in Bench::both().await {
        let links = bench.links(|_| {});
        let token = mint(&links).await.token;
        let removals = (0..20).map(|_| {
            let (links, token) = (links.clone(), token.clone());
            tokio::spawn(async move { links.remove(&token).await.is_ok() })
        });
        let removed = futures_util::future::join_all(removals).await;
        assert_eq!(removed.into_iter().filter(|removed| *removed.as_ref().unwrap()).count(), 1);
        assert!(is_missing(links.find(&token).await) && is_missing(links.status(&token).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_facts_hold_for_everybody() {
    for bench in Bench::both().await {
        let links = bench.links(|_| {});
        let token = mint(&links).await.token;
        let attempts = (0..50).map(|time| {
            let (links, token) = (links.clone(), token.clone());
            tokio::spawn(async move { links.freeze(&token, &facts(time)).await.unwrap() })
        });
        let winners = futures_util::future::join_all(attempts).await;
        let winners: Vec<_> = winners.into_iter().map(Result::unwrap).collect();
        assert!(winners.iter().all(|winner| *winner == winners[0]), "{}: {winners:?}", bench.name);
        assert_eq!(links.find(&token).await.unwrap().facts.as_ref(), Some(&winners[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_and_evicts_nothing() {
    for bench in Bench::both().await {
        let links = bench.links(|config| config.max = 3);
        let mut minted = Vec::new();
        for client in ["a", "b", "c"] {
            minted.push(links.mint(&record(client, 10)).await.unwrap().token);
        }
        assert!(matches!(links.mint(&record("d", 10)).await, Err(Error::Full)), "{}", bench.name);
        for token in &minted {
            links.find(token).await.unwrap();
        }
        links.remove(&minted[1]).await.unwrap();
        links.mint(&record("d", 10)).await.unwrap();
        assert!(matches!(links.mint(&record("b", 10)).await, Err(Error::Full)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_bounded_in_all_and_by_client() {
    for bench in Bench::both().await {
        let links = bench.links(|config| {
            (config.max_bytes, config.max_bytes_per_client) = (ByteSize(16_000), ByteSize(8_000));
        });
        // Each counts for its descriptor, and for what its three sources may tell.
        let first = links.mint(&record("a", 4_000)).await.unwrap().token;
        let refused = links.mint(&record("a", 4_000)).await;
        assert!(matches!(refused, Err(Error::ShareExceeded { .. })), "{}: {refused:?}", bench.name);
        links.mint(&record("b", 4_000)).await.unwrap();
        assert!(matches!(links.mint(&record("c", 4_000)).await, Err(Error::Full)));
        // What is given back can be had again, as often as one likes.
        links.remove(&first).await.unwrap();
        for _ in 0..20 {
            let token = links.mint(&record("a", 4_000)).await.unwrap().token;
            links.remove(&token).await.unwrap();
        }
        let refused = links.mint(&record("a", 7_000)).await;
        assert!(matches!(refused, Err(Error::ShareExceeded { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_its_share_and_is_told_when_it_has_room_again() {
    for bench in Bench::both().await {
        let links = bench.links(|config| config.max_per_client = 2);
        let first = links.mint(&record("a", 10)).await.unwrap().token;
        links.mint(&record("a", 10)).await.unwrap();
        match links.mint(&record("a", 10)).await {
            Err(Error::ShareExceeded { retry_after: Some(retry_after), .. }) => {
                assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(60));
            }
            other => panic!("{}: {other:?}", bench.name),
        }
        links.mint(&record("b", 10)).await.unwrap();
        links.remove(&first).await.unwrap();
        links.mint(&record("a", 10)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_makes_room() {
    for bench in Bench::both().await {
        let links = bench.links(|config| {
            (config.max, config.max_per_client, config.ttl) = (2, 1, Duration::from_millis(30));
        });
        for _ in 0..5 {
            for client in ["a", "b"] {
                until("room", || async { links.mint(&record(client, 10)).await.ok() }).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_count_together() {
    let bench = &Bench::both().await[1];
    let nodes = [(); 4].map(|()| bench.links(|config| config.max = 25));
    let minting = (0..100).map(|index| {
        let links = nodes[index % 4].clone();
        tokio::spawn(async move { links.mint(&record(&index.to_string(), 10)).await.is_ok() })
    });
    let minted = futures_util::future::join_all(minting).await;
    assert_eq!(minted.into_iter().filter(|minted| *minted.as_ref().unwrap()).count(), 25);
}

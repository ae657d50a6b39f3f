//! What every keeper of counts must do, over memory and a real Redis.

use std::time::Duration;

use futures_util::future::join_all;
use zipstream::limits::{self, Counts, Memory, Quota, Rate, Spent};
use zipstream::state;
use zipstream::value::Secret;

use crate::support::redis::Redis;

const HOUR: Duration = Duration::from_secs(3600);

fn hourly(limit: u32) -> Rate {
    Rate { limit, window: HOUR }
}

async fn spend(counts: &impl Counts, client: &str, rate: Rate) -> Spent {
    counts.spend(client, Quota::Archives, rate).await.unwrap()
}

async fn a_full_bucket_grants_its_limit_and_refuses_the_next(counts: &impl Counts) {
    for limit in [1, 3, 7, 10, 11, 1000] {
        let (client, unit) = (format!("full {limit}"), HOUR / limit);
        for left in (0..limit).rev() {
            let spent = spend(counts, &client, hourly(limit)).await;
            assert_eq!((spent.granted, spent.remaining), (true, left), "{limit}");
            assert!(spent.reset <= unit && !spent.reset.is_zero(), "{limit}: {:?}", spent.reset);
        }
        if limit < 100 {
            let spent = spend(counts, &client, hourly(limit)).await;
            assert_eq!((spent.granted, spent.remaining), (false, 0), "{limit}");
            // As long as this test did not take a minute.
            assert!(spent.reset <= unit && spent.reset > unit - Duration::from_secs(60), "{:?}", spent.reset);
        }
    }
}

async fn a_burst_is_counted_exactly(counts: &impl Counts) {
    let burst = |client: &'static str| join_all((0..50).map(move |_| spend(counts, client, hourly(10))));
    let mut left: Vec<_> =
        burst("burst").await.iter().filter(|spent| spent.granted).map(|spent| spent.remaining).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>());
}

async fn clients_and_quotas_are_counted_apart(counts: &impl Counts) {
    for client in ["a", "b", "a b"] {
        for quota in [Quota::Archives, Quota::Validations] {
            let spent = counts.spend(client, quota, hourly(1)).await.unwrap();
            assert!(spent.granted, "{client} {quota:?}");
            assert!(!counts.spend(client, quota, hourly(1)).await.unwrap().granted, "{client} {quota:?}");
        }
    }
}

async fn units_come_back_one_by_one(counts: &impl Counts) {
    let rate = Rate { limit: 4, window: Duration::from_secs(2) };
    for _ in 0..6 {
        let mut spent = spend(counts, "back", rate).await;
        while spent.granted {
            spent = spend(counts, "back", rate).await;
        }
        assert!(spent.reset <= Duration::from_millis(500), "{:?}", spent.reset);
        // A timer fires late, never early; the clocks are not the same.
        tokio::time::sleep(spent.reset + Duration::from_millis(2)).await;
        assert!(spend(counts, "back", rate).await.granted);
    }
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(spend(counts, "back", rate).await.remaining, 3, "never more than the limit");
}

async fn odd_rates_are_counted_too(counts: &impl Counts) {
    assert!(!spend(counts, "none", hourly(0)).await.granted);
    let many = spend(counts, "many", hourly(u32::MAX)).await;
    assert!(many.granted && many.remaining >= u32::MAX - 1, "{many:?}");
}

/// A limit that was lowered, as when the configuration changed: nobody waits longer than for one new unit.
async fn a_lowered_limit_holds_at_once(counts: &impl Counts) {
    for _ in 0..5 {
        assert!(spend(counts, "lowered", hourly(10)).await.granted);
    }
    for _ in 0..10 {
        let spent = spend(counts, "lowered", hourly(2)).await;
        assert!(spent.reset <= HOUR / 2, "{:?}", spent.reset);
    }
    assert!(!spend(counts, "lowered", hourly(2)).await.granted);
}

async fn what_is_given_back_can_be_spent_again(counts: &impl Counts) {
    let give_back = |client: &'static str, limit| counts.give_back(client, Quota::Archives, hourly(limit));
    for _ in 0..30 {
        assert_eq!(spend(counts, "given", hourly(10)).await.remaining, 9);
        give_back("given", 10).await.unwrap();
    }
    for left in (0..10).rev() {
        assert_eq!(spend(counts, "given", hourly(10)).await.remaining, left);
    }
    assert!(!spend(counts, "given", hourly(10)).await.granted);
    give_back("given", 10).await.unwrap();
    assert!(spend(counts, "given", hourly(10)).await.granted);
    assert!(!spend(counts, "given", hourly(10)).await.granted, "no more than was given");
    // Of a client that has all of its units there is nothing to give back.
    give_back("new", 2).await.unwrap();
    assert_eq!(spend(counts, "new", hourly(2)).await.remaining, 1);
}

async fn conforms(counts: &impl Counts) {
    what_is_given_back_can_be_spent_again(counts).await;
    a_full_bucket_grants_its_limit_and_refuses_the_next(counts).await;
    a_burst_is_counted_exactly(counts).await;
    clients_and_quotas_are_counted_apart(counts).await;
    units_come_back_one_by_one(counts).await;
    odd_rates_are_counted_too(counts).await;
    a_lowered_limit_holds_at_once(counts).await;
}

fn counts(redis: &Redis) -> limits::Redis {
    limits::Redis::new(state::Redis::connect(&Secret::new(redis.url())).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conforms(&Memory::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_conforms() {
    let redis = Redis::start().await;
    conforms(&counts(&redis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_together() {
    let redis = Redis::start().await;
    let nodes = [counts(&redis), counts(&redis), counts(&redis)];
    let spent = join_all((0..60).map(|index| spend(&nodes[index % 3], "one", hourly(10)))).await;
    assert_eq!(spent.iter().filter(|spent| spent.granted).count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_expire_by_themselves_and_name_nobody() {
    let redis = Redis::start().await;
    let counts = counts(&redis);
    assert!(spend(&counts, "address:203.0.113.77", hourly(10)).await.granted);
    let keys = redis.ask("KEYS *").await;
    assert!(keys.contains("zipstream:quota:archives:") && !keys.contains("203.0.113"), "{keys}");
    let name = keys.lines().find(|line| line.starts_with("zipstream:")).unwrap();
    let left: u64 = redis.ask(&format!("PTTL {name}")).await.trim_start_matches(':').trim().parse().unwrap();
    assert!((300_000..=360_000).contains(&left), "{left}");
    let value = redis.ask(&format!("GET {name}")).await;
    let micros = value.lines().last().unwrap();
    assert!(micros.len() == 16 && micros.bytes().all(|octet| octet.is_ascii_digit()), "rounded: {micros}");
    let brief = Rate { limit: 10, window: Duration::from_millis(1000) };
    assert!(spend(&counts, "brief", brief).await.granted);
    for _ in 0..100 {
        if redis.ask("DBSIZE").await.trim() == ":1" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", redis.ask("KEYS *").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded() {
    let memory = Memory::default();
    let at_once = Rate { limit: 1, window: Duration::from_micros(1) };
    for client in 0..20_000 {
        spend(&memory, &client.to_string(), at_once).await;
    }
    assert!(memory.clients() < 4096, "stale clients are kept: {}", memory.clients());
    let memory = Memory::default();
    for client in 0..110_000 {
        spend(&memory, &client.to_string(), hourly(1)).await;
    }
    assert!(memory.clients() < 102_000, "{}", memory.clients());
    assert!(
        !spend(&memory, "7", hourly(1)).await.granted,
        "a client that is known is still counted by itself"
    );
}

//! What somebody sees who reads all of Redis: neither what a link stands for nor what it is reached by, and after a
//! while nothing.

use std::time::Duration;

use redis::{Commands, Connection, Value};
use zipstream::{
    links::Record,
    plan::{Facts, Head, Validator},
    value::ByteSize,
};

use super::{Bench, facts, is_missing, mint, record, until};

/// A connection of the test's own.
fn connect(bench: &Bench) -> Connection {
    let url = bench.redis.as_ref().unwrap().url();
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// Every key and every value, as they are.
fn everything(connection: &mut Connection) -> Vec<u8> {
    let mut seen = Vec::new();
    let keys: Vec<String> = connection.keys("*").unwrap();
    for key in keys {
        seen.extend(key.as_bytes());
        let kind: String = redis::cmd("TYPE").arg(&key).query(connection).unwrap();
        let value: Value = match kind.as_str() {
            "hash" => connection.hgetall(&key).unwrap(),
            "zset" => connection.zrange(&key, 0, -1).unwrap(),
            other => panic!("{key} is a {other}"),
        };
        gather(&value, &mut seen);
    }
    seen
}

fn gather(value: &Value, seen: &mut Vec<u8>) {
    match value {
        Value::BulkString(octets) => seen.extend(octets),
        Value::SimpleString(text) => seen.extend(text.as_bytes()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, seen)),
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            gather(key, seen);
            gather(value, seen);
        }),
        Value::Int(_) | Value::Double(_) | Value::Nil => {}
        other => panic!("{other:?}"),
    }
    seen.push(b'\n');
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_holds_nothing_that_can_be_read() {
    let bench = &Bench::both().await[1];
    let links = bench.links(|_| {});
    let descriptor = r#"{"files":[{"url":"https://files.example/SIGNED","zipPath":"NAME",
        "headers":{"Authorization":"Bearer KEY"}}]}"#;
    let record = Record {
        client_id: "address:192.0.2.77".into(),
        descriptor: descriptor.into(),
        entries: 1,
        tier_name: "TIER".into(),
    };
    let token = links.mint(&record).await.unwrap().token;
    let validator = Some(Validator::ETag("\"ETAG\"".into()));
    let head = Head { length: Some(1), modified: None, ranges: true, validator };
    links
        .freeze(&token, &Facts { compressed: Vec::new(), heads: vec![Some(head)], inline_size: 1, time: 1 })
        .await
        .unwrap();
    let download = links.begin(&token, 1).await.unwrap().0;
    download.note_failure("CODE", "DETAIL");
    drop(download);
    links.settle().await;

    let seen = everything(&mut connect(bench));
    assert!(seen.len() > descriptor.len(), "it was looked at the wrong place");
    let text = token.to_text();
    let secrets = ["SIGNED", "files.example", "NAME", "KEY", "Authorization", "192.0.2.77", "TIER"];
    for secret in secrets.into_iter().chain(["ETAG", "CODE", "DETAIL", "zipPath", &text]) {
        let octets = secret.as_bytes();
        assert!(!seen.windows(octets.len()).any(|window| window == octets), "{secret} lies there to be read");
    }
    let raw = hex::decode(&text).unwrap();
    assert!(!seen.windows(raw.len()).any(|window| window == raw), "the token lies there to be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_ends_by_itself() {
    let bench = &Bench::both().await[1];
    let links = bench.links(|config| {
        (config.ttl, config.resume_window) = (Duration::from_millis(1500), Duration::from_millis(200));
    });
    let mut connection = connect(bench);
    let token = mint(&links).await.token;
    drop(links.begin(&token, 1).await.unwrap().0);
    links.freeze(&token, &facts(1)).await.unwrap();
    mint(&links).await;
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert!(keys.len() >= 4, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{zipstream}:"), "{key} may lie on another node of a cluster");
        let left: i64 = connection.pttl(&key).unwrap();
        assert_ne!(left, -1, "{key} never ends");
    }
    links.settle().await;
    until("an empty Redis", || {
        let left: u64 = redis::cmd("DBSIZE").query(&mut connect(bench)).unwrap();
        async move { (left == 0).then_some(()) }
    })
    .await;
}

/// What the records that are kept add up to.
fn bytes(connection: &mut Connection) -> i64 {
    let sum: Option<i64> = connection.hget("{zipstream}:links:bytes", "all").unwrap();
    sum.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_end_where_they_began() {
    let bench = &Bench::both().await[1];
    let links = bench.links(|config| config.ttl = Duration::from_millis(50));
    let lasting = bench.links(|_| {});
    for round in 0..10 {
        mint(&links).await;
        let token = mint(&lasting).await.token;
        if round % 2 == 0 {
            drop(lasting.begin(&token, 1).await.unwrap().0);
        }
        lasting.remove(&token).await.unwrap();
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    lasting.settle().await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    // Making room for one forgets all others.
    let token = mint(&lasting).await.token;
    let mut connection = connect(bench);
    let (one, count): (i64, u64) = (bytes(&mut connection), connection.zcard("{zipstream}:links").unwrap());
    // The descriptor, who sent it, and what three sources may tell.
    assert!(one > 1_700 && one < 2_000 && count == 1, "{one} bytes, {count} records");
    lasting.remove(&token).await.unwrap();
    assert_eq!(bytes(&mut connection), 0);
}

/// The sums live as long as the longest record that they ever told of, the list of records as long as the longest of those
/// in it: what ends with the list must not stay in the sums.
#[tokio::test(flavor = "multi_thread")]
async fn sums_do_not_outlive_the_records_that_they_tell_of() {
    let bench = &Bench::both().await[1];
    let links = bench.links(|config| {
        config.ttl = Duration::from_millis(100);
        (config.max_bytes, config.max_bytes_per_client) = (ByteSize(4_000), ByteSize(4_000));
    });
    for _ in 0..4 {
        let token = mint(&links).await.token;
        drop(links.begin(&token, 1).await.unwrap().0);
        links.remove(&token).await.unwrap();
        let unused = mint(&links).await.token;
        until("its end", || async { is_missing(links.find(&unused).await).then_some(()) }).await;
    }
    mint(&links).await;
    let one = bytes(&mut connect(bench));
    assert!(one > 1_700 && one < 2_000, "{one} bytes of one record");
    links.settle().await;
}

/// Redis does nothing else while a script runs, so what has ended is swept in portions; room is found nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn many_ended_records_are_swept_in_portions_and_stand_in_nobodys_way() {
    let bench = &Bench::both().await[1];
    let (lasting, most) = (bench.links(|_| {}), 1_200);
    let brief = bench.links(|config| (config.max_per_client, config.ttl) = (most, Duration::from_secs(3)));
    // What is listed ends with the last of it.
    lasting.mint(&record("another", 10)).await.unwrap();
    for _ in 0..most {
        mint(&brief).await;
    }
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let records = || -> usize { connect(bench).zcard("{zipstream}:links").unwrap() };
    let before = records();
    mint(&lasting).await;
    assert_eq!(records(), before - 500.min(before - 1) + 1, "of {before}");
    let narrow = bench.links(|config| config.max = 3);
    narrow.mint(&record("another", 10)).await.unwrap();
    assert_eq!(records(), 3);
}

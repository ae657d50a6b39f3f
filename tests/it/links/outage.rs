//! Redis goes away and comes back: links answer 503 in between, everything else goes on, nothing is restarted.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use zipstream::value::Secret;

use super::{Link, ask, assert_refused, get, mint, nodes, post, sourceless};
use crate::{
    pipeline::download::{assert_whole, numbered},
    support::{
        App,
        client::Request,
        origin::{Gate, Origin, Route, pattern},
        process::Process,
        redis::Redis,
    },
};

/// Mints until it succeeds: a connection is made again in the background.
async fn recovers(address: SocketAddr) -> Link {
    for _ in 0..100 {
        if post(address, &sourceless()).await.status == 201 {
            return mint(address, &sourceless()).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("links do not come back");
}

/// Waits until a link was made, used and deleted once more.
async fn grows(rounds: &AtomicUsize) {
    let before = rounds.load(Relaxed);
    for _ in 0..3000 {
        if rounds.load(Relaxed) > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("links do not work");
}

/// Every route of links says that it cannot know.
async fn assert_out_of_reach(address: SocketAddr, link: &Link) {
    for answer in [
        post(address, &sourceless()).await,
        get(address, link).await,
        ask("DELETE", address, &link.path).await,
        ask("GET", address, &format!("{}/status", link.path)).await,
    ] {
        assert_refused(&answer, 503, "state_unavailable");
    }
    let head = ask("HEAD", address, &link.path).await;
    assert_eq!(head.status, 503);
    assert!(head.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_links_are_out_of_reach_and_downloads_are_not() {
    let mut redis = Redis::start().await;
    let [here, there] = nodes::pair(&redis).await;
    let link = mint(here.address(), &sourceless()).await;
    redis.kill();
    for node in [&here, &there] {
        assert_out_of_reach(node.address(), &link).await;
        let direct = Request::post(node.address(), "/api/downloads").json(&sourceless()).send().await;
        assert_whole(&direct, &["hello"], "without a link");
    }
    redis.revive().await;
    let link = recovers(here.address()).await;
    recovers(there.address()).await;
    assert_whole(&get(there.address(), &link).await, &["hello"], "recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_could_not_be_kept_spends_nothing() {
    let mut redis = Redis::start().await;
    let app = App::with(|config| {
        config.state.url = Some(Secret::new(redis.url()));
        config.tiers.anonymous.archives_per_hour = 10;
    })
    .await;
    redis.kill();
    for _ in 0..12 {
        assert_refused(&post(app.address(), &sourceless()).await, 503, "state_unavailable");
    }
    redis.revive().await;
    // Until it is asked again this node counts by itself; then it finds a Redis that knows nothing.
    let answer = loop {
        let answer = post(app.address(), &sourceless()).await;
        if answer.status != 503 {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (201, Some("9")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer_is_out_of_reach_and_forgets_nothing() {
    let redis = Redis::start().await;
    let [here, there] = nodes::pair(&redis).await;
    let link = mint(here.address(), &sourceless()).await;
    redis.freeze();
    assert_out_of_reach(here.address(), &link).await;
    redis.thaw();
    recovers(here.address()).await;
    recovers(there.address()).await;
    // Whether it was removed while nobody heard the answer is not known.
    let answer = get(there.address(), &link).await;
    assert!([200, 404].contains(&answer.status), "{}", answer.status);
}

/// A Redis that can be read and takes no more: the refusal is ours, not the client's.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_cannot_be_counted_is_refused_and_logged_as_that() {
    let redis = Redis::start().await;
    let url = redis.url();
    let service = Process::start(&[("ZIPSTREAM__STATE__URL", &url)]);
    let link = mint(service.address, &sourceless()).await;
    redis.ask("CONFIG SET maxmemory 1").await;
    assert_refused(&get(service.address, &link).await, 503, "state_unavailable");
    let numbers = String::from_utf8(ask("GET", service.address, "/metrics").await.body).unwrap();
    let archives = |outcome| {
        let ours = numbers.lines().filter(move |line| {
            line.starts_with("zipstream_archives_total{") && line.contains(&format!("outcome=\"{outcome}\""))
        });
        ours.filter(|line| !line.ends_with(" 0")).collect::<Vec<_>>()
    };
    assert_eq!(archives("left"), Vec::<&str>::new());
    let refused = archives("refused");
    assert!(refused.len() == 1 && refused[0].contains("fault=\"server\""), "{refused:?}");
    let log = service.end();
    assert!(log.contains("archive refused") && !log.contains("archive left"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_download_does_not_notice() {
    let mut redis = Redis::start().await;
    let [here, there] = nodes::pair(&redis).await;
    let (origin, gates) = (Origin::start().await, [(); 3].map(|()| Gate::closed()));
    let route = gates
        .iter()
        .zip(1..)
        .fold(Route::pattern(1, 5 << 20), |route, (gate, at)| route.gate(at << 20, gate));
    let link = mint(here.address(), &numbered([origin.serve("/a", route)])).await;
    let reading = Request::get(here.address(), &link.path).open().await;
    let reading = tokio::spawn(reading.finish());
    redis.kill();
    gates[0].open();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    redis.revive().await;
    gates[1].open();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    redis.freeze();
    gates[2].open();
    assert_whole(&reading.await.unwrap(), &[pattern(1, 0..5 << 20)], "through all of it");
    redis.thaw();
    recovers(there.address()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_an_outage_is_a_503_and_passes() {
    let mut redis = Redis::start().await;
    let [here, there] = nodes::pair(&redis).await;
    let nodes = [here.address(), there.address()];
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|index: usize| {
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                let (mut answers, mut path) = (Vec::new(), "/api/downloads/x".to_owned());
                for turn in index.. {
                    if stop.load(Relaxed) {
                        break;
                    }
                    let minted = post(nodes[turn % 2], &sourceless()).await;
                    answers.push(minted.status);
                    if minted.status == 201 {
                        path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
                    }
                    for (method, end) in [("GET", ""), ("GET", "/status"), ("HEAD", ""), ("DELETE", "")] {
                        let answer = ask(method, nodes[(turn + 1) % 2], &format!("{path}{end}")).await;
                        assert!(answer.is_whole(), "{method}{end}: {:?}", answer.ended);
                        answers.push(answer.status);
                        rounds.fetch_add(usize::from(answer.status == 204), Relaxed);
                    }
                }
                answers
            })
        })
        .collect();
    grows(&rounds).await;
    redis.kill();
    tokio::time::sleep(Duration::from_millis(700)).await;
    redis.revive().await;
    grows(&rounds).await;
    redis.freeze();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    redis.thaw();
    for node in nodes {
        recovers(node).await;
    }
    grows(&rounds).await;
    stop.store(true, Relaxed);
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    for lawful in [200, 201, 204, 503] {
        assert!(all.contains(&lawful), "{lawful} was never seen");
    }
    all.retain(|status| ![200, 201, 204, 404, 503].contains(status));
    assert!(all.is_empty(), "{all:?}");
}

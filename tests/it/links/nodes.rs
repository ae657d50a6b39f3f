//! Two nodes on one Redis are one service.

use zipstream::value::Secret;

use super::{ask, assert_refused, becomes, get, mint, post, sourceless, status};
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

/// Two nodes that share this Redis.
pub(super) async fn pair(redis: &Redis) -> [App; 2] {
    let node = || App::with(|config| config.state.url = Some(Secret::new(redis.url())));
    [node().await, node().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_one_node_is_a_link_of_the_other() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let origin = Origin::start().await;
    let url = origin.serve("/a", Route::pattern(1, 300_000));
    let link = mint(here.address(), &numbered([url])).await;
    assert_eq!(status(there.address(), &link).await["state"], "waiting");
    let head = ask("HEAD", there.address(), &link.path).await;
    assert_eq!(head.status, 200);
    let [one, other] = [get(there.address(), &link).await, get(here.address(), &link).await];
    assert_whole(&one, &[pattern(1, 0..300_000)], "there");
    assert!(one.body == other.body);
    assert_eq!(head.header("content-length"), Some(one.body.len().to_string().as_str()));
    assert_eq!(ask("DELETE", there.address(), &link.path).await.status, 204);
    for node in [&here, &there] {
        assert_refused(&get(node.address(), &link).await, 404, "link_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_node_tells_how_a_download_is_doing() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let (origin, gate) = (Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let link = mint(here.address(), &numbered([url])).await;
    let mut reading = Request::get(here.address(), &link.path).open().await;
    reading.take(500_000).await;
    let running =
        becomes(there.address(), &link, |status| status["bytesSent"].as_u64() >= Some(500_000)).await;
    assert_eq!((&running["state"], &running["filesTotal"]), (&"running".into(), &1.into()));
    gate.open();
    let archive = reading.finish().await;
    let done = becomes(there.address(), &link, |status| status["state"] == "done").await;
    assert_eq!(done["bytesSent"], archive.body.len() + 500_000);
    assert_eq!(done["filesDone"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_when_its_link_is_deleted_elsewhere() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let (origin, gate) = (Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let link = mint(here.address(), &numbered([url])).await;
    let reading = Request::get(here.address(), &link.path).open().await;
    assert_eq!(ask("DELETE", there.address(), &link.path).await.status, 204);
    gate.open();
    assert_whole(&reading.finish().await, &[pattern(1, 0..2 << 20)], "deleted meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_their_bounds() {
    let redis = Redis::start().await;
    let node = || {
        App::with(|config| {
            config.state.url = Some(Secret::new(redis.url()));
            config.links.max = 3;
        })
    };
    let [here, there] = [node().await, node().await];
    for node in [&here, &there, &here] {
        mint(node.address(), &sourceless()).await;
    }
    assert_refused(&post(there.address(), &sourceless()).await, 503, "overloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_tells_of_its_downloads_first() {
    let redis = Redis::start().await;
    let [other, _] = pair(&redis).await;
    let (origin, gate) = (Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let node = Process::start(&[
        ("ZIPSTREAM__STATE__URL", redis.url().as_str()),
        ("ZIPSTREAM__SERVER__DRAIN_TIMEOUT", "100ms"),
    ]);
    let link = mint(node.address, &numbered([url])).await;
    let reading = Request::get(node.address, &link.path).open().await;
    assert_eq!(reading.status, 200);
    assert_eq!(status(other.address(), &link).await["state"], "running");
    let log = node.end();
    let ended = status(other.address(), &link).await;
    assert_eq!((&ended["state"], &ended["error"]["code"]), (&"failed".into(), &"draining".into()));
    // Whose fault it was: not that of the reader, who still read.
    let line = log.lines().find(|line| line.contains("archive failed")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("draining") && line.contains("server"), "{line}");
    assert!(!log.contains("left by its reader"), "{log}");
}

//! Links are bounded: the newcomer is refused, at once, and is told when to come again.

use serde_json::json;
use zipstream::value::ByteSize;

use super::{ask, assert_refused, get, mint, post, sourceless};
use crate::{pipeline::download::assert_whole, support::App};

#[tokio::test(flavor = "multi_thread")]
async fn more_links_than_fit_are_refused_and_none_is_lost() {
    let app = App::with(|config| config.links.max = 2).await;
    let links = [mint(app.address(), &sourceless()).await, mint(app.address(), &sourceless()).await];
    assert_refused(&post(app.address(), &sourceless()).await, 503, "overloaded");
    for link in &links {
        assert_whole(&get(app.address(), link).await, &["hello"], "a promised link");
    }
    ask("DELETE", app.address(), &links[0].path).await;
    mint(app.address(), &sourceless()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_its_share_comes_again_when_its_oldest_link_ends() {
    let app = App::with(|config| config.links.max_per_client = 1).await;
    mint(app.address(), &sourceless()).await;
    let refused = post(app.address(), &sourceless()).await;
    assert_refused(&refused, 429, "rate_limited");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_bytes_are_bounded() {
    let app = App::with(|config| config.links.max_bytes_per_client = ByteSize(56_000)).await;
    let long = json!({ "files": [{ "url": format!("data:,{}", "x".repeat(8_000)), "zipPath": "a" }] });
    for _ in 0..6 {
        mint(app.address(), &long).await;
    }
    assert_refused(&post(app.address(), &long).await, 429, "rate_limited");
    mint(app.address(), &sourceless()).await;
}

/// To come again later would be of no use.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_no_client_has_room_for_is_too_large() {
    let app = App::with(|config| {
        config.links.max_bytes_per_client = ByteSize(10_000);
        config.tiers.anonymous.archives_per_hour = 10;
    })
    .await;
    let files: Vec<_> =
        (0..20).map(|index| json!({ "url": "data:,a", "zipPath": index.to_string() })).collect();
    for _ in 0..12 {
        let refused = post(app.address(), &json!({ "files": files })).await;
        assert_refused(&refused, 413, "body_too_large");
    }
    let answer = post(app.address(), &sourceless()).await;
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (201, Some("9")));
}

/// Far more refusals than a client has archives in an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_which_there_is_no_room_spends_nothing() {
    for (full, status, code) in [(true, 503, "overloaded"), (false, 429, "rate_limited")] {
        let app = App::with(|config| {
            if full {
                config.links.max = 1
            } else {
                config.links.max_per_client = 1
            }
            config.tiers.anonymous.archives_per_hour = 10;
        })
        .await;
        let link = mint(app.address(), &sourceless()).await;
        for _ in 0..12 {
            let refused = post(app.address(), &sourceless()).await;
            assert_refused(&refused, status, code);
            let policy = refused.header("ratelimit-policy").unwrap_or_default();
            assert!(full || policy.starts_with("\"links\""), "{policy}");
        }
        ask("DELETE", app.address(), &link.path).await;
        let answer = post(app.address(), &sourceless()).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (201, Some("8")));
    }
}

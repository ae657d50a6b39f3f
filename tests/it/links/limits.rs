//! What links cost: making one spends an archive of its minter, following it none, and however many follow it at the
//! same time, they are one archive of its minter.

use futures_util::future::join_all;
use serde_json::{Value, json};
use zipstream::{
    limits::{Key, Tier},
    value::Secret,
};

use super::{Link, ask, assert_refused, becomes, get, mint, post, sourceless, status};
use crate::{
    pipeline::download::{assert_whole, numbered},
    support::{
        App,
        client::Request,
        origin::{Gate, Origin, Route, pattern},
        redis::Redis,
    },
};

/// A service in which anonymous clients have so many archives an hour, and at the same time.
async fn app(hourly: u32, concurrent: usize) -> App {
    App::with(|config| {
        config.tiers.anonymous.archives_per_hour = hourly;
        config.tiers.anonymous.concurrent_archives = concurrent;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_link_spends_an_archive_and_following_it_none() {
    let app = app(2, 100).await;
    let wrong = json!({ "files": [{ "url": "data:,x", "zipPath": "../x" }] });
    assert_refused(&post(app.address(), &wrong).await, 400, "invalid_zip_path");
    let answer = post(app.address(), &sourceless()).await;
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (201, Some("1")));
    let link = mint(app.address(), &sourceless()).await;
    for _ in 0..5 {
        assert_whole(&get(app.address(), &link).await, &["hello"], "a link costs nothing");
        assert_eq!(ask("HEAD", app.address(), &link.path).await.status, 200);
    }
    let refused = post(app.address(), &sourceless()).await;
    assert_refused(&refused, 429, "rate_limited");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let direct = Request::post(app.address(), "/api/downloads").json(&sourceless()).send().await;
    assert_refused(&direct, 429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_two_nodes_ten_of_ten_succeed_and_the_eleventh_does_not() {
    let redis = Redis::start().await;
    let node = || {
        App::with(|config| {
            config.state.url = Some(Secret::new(redis.url()));
            config.tiers.anonymous.archives_per_hour = 10;
        })
    };
    let nodes = [node().await, node().await];
    let descriptor = sourceless();
    let answers = join_all((0..14).map(|index| post(nodes[index % 2].address(), &descriptor))).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 10);
    refused.into_iter().for_each(|answer| assert_refused(answer, 429, "rate_limited"));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_follow_a_link_they_are_one_archive() {
    let (app, origin, gate) = (app(100, 1).await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let link = mint(app.address(), &numbered([url])).await;
    let other = mint(app.address(), &sourceless()).await;
    let readings = join_all((0..10).map(|_| Request::get(app.address(), &link.path).open())).await;
    assert!(readings.iter().all(|reading| reading.status == 200));
    // Another link is another archive, and is refused before it counts as one of its downloads.
    assert_refused(&get(app.address(), &other).await, 429, "too_many_archives");
    assert_eq!(status(app.address(), &other).await["state"], "waiting");
    let direct = Request::post(app.address(), "/api/downloads").json(&sourceless()).send().await;
    assert_refused(&direct, 429, "too_many_archives");
    gate.open();
    for answer in join_all(readings.into_iter().map(|reading| reading.finish())).await {
        assert_whole(&answer, &[pattern(1, 0..2 << 20)], "one of ten");
    }
    until_free(&app, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_leaves_gives_the_place_back() {
    let (app, origin, gate) = (app(100, 1).await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let link = mint(app.address(), &numbered([url])).await;
    let other = mint(app.address(), &sourceless()).await;
    let readings = join_all((0..3).map(|_| Request::get(app.address(), &link.path).open())).await;
    drop(readings);
    becomes(app.address(), &link, |status| status["state"] == "failed").await;
    until_free(&app, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_under_its_minters_tier() {
    let secret = format!("zs_{}", "0".repeat(40));
    let app = App::with(|config| {
        let anonymous = &mut config.tiers.anonymous;
        (anonymous.files, anonymous.concurrent_archives) = (2, 1);
        let large = Tier { files: 60, concurrent_archives: 3, ..anonymous.clone() };
        config.tiers.named.insert("large".into(), large);
        config.keys = vec![Key::of_secret("shop", "large", &secret).unwrap()];
    })
    .await;
    let file = |index| json!({ "url": format!("data:,{index}"), "zipPath": format!("{index}") });
    let descriptor = json!({ "files": (0..60).map(file).collect::<Vec<Value>>() });
    let request = || Request::post(app.address(), "/api/download-links").json(&descriptor);
    assert_refused(&request().send().await, 400, "too_many_files");
    let unknown = request().header("Authorization", "Bearer zs_none").send().await;
    assert_refused(&unknown, 401, "invalid_api_key");
    let minted = request().header("Authorization", &format!("Bearer {secret}")).send().await;
    assert_eq!(minted.status, 201);
    let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
    // A browser has no key.
    let link = Link { path, token: String::new() };
    let bodies: Vec<String> = (0..60).map(|index| index.to_string()).collect();
    assert_whole(&get(app.address(), &link).await, &bodies, "under the key's tier");
}

/// Follows a link until there is room: the server hears of a client that left a moment later.
async fn until_free(app: &App, link: &Link) {
    for _ in 0..400 {
        if get(app.address(), link).await.status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the place is not given back");
}

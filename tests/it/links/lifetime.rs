//! The end of a link: for new downloads it comes with its time, for a running one with its last byte.

use std::time::Duration;

use serde_json::Value;

use super::{ask, assert_refused, becomes, expires, mint, sourceless};
use crate::{
    pipeline::download::{assert_whole, numbered},
    support::{
        App,
        client::{Answer, Request},
        origin::{Gate, Origin, Route, pattern},
    },
};

async fn with_ttl(millis: u64) -> App {
    App::with(|config| config.links.ttl = Duration::from_millis(millis)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_began_goes_on_after_the_links_time() {
    let (app, origin, gate) = (with_ttl(1500).await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let link = mint(app.address(), &numbered([url])).await;
    let reading = Request::get(app.address(), &link.path).open().await;
    assert_eq!(reading.status, 200);
    expires(app.address(), &link).await;
    assert_refused(&ask("GET", app.address(), &link.path).await, 404, "link_not_found");
    gate.open();
    assert_whole(&reading.finish().await, &[pattern(1, 0..3 << 20)], "past its time");
    let done = becomes(app.address(), &link, |status| status["state"] != "running").await;
    assert_eq!(done["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_expired_and_deleted_links_look_alike() {
    let app = with_ttl(200).await;
    let expired = mint(app.address(), &sourceless()).await;
    expires(app.address(), &expired).await;
    let deleted = mint(app.address(), &sourceless()).await;
    ask("DELETE", app.address(), &deleted.path).await;
    let never = "0".repeat(deleted.token.len());
    let longer = format!("{}0", deleted.token);
    let upper = deleted.token.to_uppercase();
    let tokens = [&never, &expired.token, &deleted.token, &longer, &upper, "x", "%00", "%ff", "..%2f..", "*"];
    let shape = |answer: Answer| {
        let names = answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect::<Vec<_>>();
        let mut body = if answer.body.is_empty() { Value::Null } else { answer.json() };
        if !body.is_null() {
            body["requestId"] = Value::Null;
        }
        (answer.status, names, body)
    };
    for (method, end) in [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("GET", "/status")] {
        let mut shapes = Vec::new();
        for token in tokens {
            shapes.push(shape(ask(method, app.address(), &format!("/api/downloads/{token}{end}")).await));
        }
        assert_eq!(shapes[0].0, 404);
        for (shape, token) in shapes.iter().zip(tokens) {
            assert_eq!(*shape, shapes[0], "{method} {token}{end}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_service_begins_nothing_and_still_tells() {
    let (mut app, origin, gate) = (App::start().await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let link = mint(app.address(), &numbered([url])).await;
    let reading = Request::get(app.address(), &link.path).open().await;
    app.drain();
    while ask("GET", app.address(), "/readyz").await.status != 503 {}
    for answer in
        [super::post(app.address(), &sourceless()).await, ask("GET", app.address(), &link.path).await]
    {
        assert_refused(&answer, 503, "draining");
    }
    assert_eq!(ask("HEAD", app.address(), &link.path).await.status, 503);
    assert_eq!(super::status(app.address(), &link).await["state"], "running");
    gate.open();
    assert_whole(&reading.finish().await, &[pattern(1, 0..3 << 20)], "while it drains");
}

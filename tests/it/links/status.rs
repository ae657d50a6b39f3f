//! Progress: what a page shows while the browser downloads.

use serde_json::{Value, json};

use super::{ask, becomes, get, mint, sourceless, status};
use crate::{
    pipeline::download::{assert_problem, numbered},
    support::{
        App,
        client::Request,
        origin::{Gate, Origin, Route},
    },
};

/// The fields that do not vary.
fn plain(mut status: Value) -> Value {
    for name in ["startedAt", "finishedAt"] {
        if status[name].is_string() {
            status[name] = json!("…");
        }
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_told_from_its_beginning_to_its_end() {
    let (app, origin, gate) = (App::start().await, Origin::start().await, Gate::closed());
    let urls = [
        origin.serve("/a", Route::pattern(1, 200_000)),
        origin.serve("/b", Route::pattern(2, 2 << 20).gate(1 << 20, &gate)),
    ];
    let link = mint(app.address(), &numbered(&urls)).await;
    let state = |state: &str, sent: u64, total: Option<u64>, done: usize| {
        json!({ "state": state, "bytesSent": sent, "bytesTotal": total, "filesDone": done, "filesSkipped": 0, "filesTotal": 2,
                "startedAt": null, "finishedAt": null, "error": null })
    };
    assert_eq!(status(app.address(), &link).await, state("waiting", 0, None, 0));

    let mut reading = Request::get(app.address(), &link.path).open().await;
    let length: u64 = reading.header("content-length").unwrap().parse().unwrap();
    reading.take(1_000_000).await;
    let running =
        becomes(app.address(), &link, |status| status["bytesSent"].as_u64() >= Some(1_000_000)).await;
    let sent = running["bytesSent"].as_u64().unwrap();
    assert!(sent < length);
    let mut expected = state("running", sent, Some(length), 1);
    expected["startedAt"] = json!("…");
    assert_eq!(plain(running), expected);

    gate.open();
    assert!(reading.finish().await.is_whole());
    let done = becomes(app.address(), &link, |status| status["state"] != "running").await;
    let mut expected = state("done", length, Some(length), 2);
    (expected["startedAt"], expected["finishedAt"]) = (json!("…"), json!("…"));
    assert_eq!(plain(done.clone()), expected);
    assert!(done["startedAt"].as_str().unwrap() <= done["finishedAt"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_left_is_told() {
    let (app, origin, gate) = (App::start().await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).gate(1 << 20, &gate));
    let link = mint(app.address(), &numbered([url])).await;
    let mut reading = Request::get(app.address(), &link.path).open().await;
    reading.take(100).await;
    drop(reading);
    let left = becomes(app.address(), &link, |status| status["state"] == "failed").await;
    assert_eq!(left["error"]["code"], "client_gone");
    assert!(left["finishedAt"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_download_tells_why() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::status(403));
    let link = mint(app.address(), &numbered([format!("{url}?SIGNATURE")])).await;
    let refused = get(app.address(), &link).await;
    assert_problem(&refused, 502, "source_status", Some(0), "refused");
    let failed = status(app.address(), &link).await;
    assert_eq!((&failed["state"], &failed["filesDone"]), (&json!("failed"), &json!(0)));
    assert_eq!(failed["error"], json!({ "code": "source_status", "detail": refused.json()["detail"] }));
    assert!(!failed.to_string().contains("SIGNATURE"));
}

/// Of a request with conditions, too: its client may never come for the archive itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_link_from_being_planned_is_told() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::status(404));
    for (method, name, value) in
        [("GET", "range", "bytes=0-"), ("GET", "if-match", "\"v\""), ("HEAD", "accept", "*/*")]
    {
        let link = mint(app.address(), &numbered([&url])).await;
        let request = Request::new(method, app.address(), &link.path).header(name, value);
        assert_eq!(request.send().await.status, 502, "{method} {name}");
        let failed = status(app.address(), &link).await;
        assert_eq!(failed["state"], "failed", "{method} {name}: {failed}");
        assert_eq!(failed["error"]["code"], "source_status", "{method} {name}: {failed}");
    }
}

/// A part is no archive, unless it is the last one.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_sent_is_no_archive() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let urls =
        [1, 2].map(|seed| origin.serve(&format!("/{seed}"), Route::pattern(seed, 300_000).etag("\"v\"")));
    let link = mint(app.address(), &numbered(urls)).await;
    let length = get(app.address(), &link).await.body.len();
    let last = length - 1;
    for (range, state, sent, files) in [
        ("bytes=0-0".to_owned(), "partial", 1, 0),
        (format!("bytes=1000-{}", last - 1), "partial", last, 2),
        (format!("bytes=0-{last}"), "done", length, 2),
        ("bytes=0-310000".to_owned(), "partial", 310_001, 1),
        ("bytes=-1".to_owned(), "done", length, 2),
    ] {
        let part = Request::get(app.address(), &link.path).header("range", &range).send().await;
        assert!(part.status == 206 && part.is_whole(), "{range}: {part:.300?}");
        let ended = becomes(app.address(), &link, |status| status["state"] != "running").await;
        let told = (ended["state"].as_str().unwrap(), ended["bytesSent"].as_u64(), &ended["filesDone"]);
        assert_eq!(told, (state, Some(sent as u64), &json!(files)), "{range}");
        assert_eq!(ended["bytesTotal"], length, "{range}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_download_counts() {
    let (app, origin, gate) = (App::start().await, Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 2 << 20).first(1, |route| route.gate(1 << 20, &gate)));
    let link = mint(app.address(), &numbered([url])).await;
    let mut earlier = Request::get(app.address(), &link.path).open().await;
    earlier.take(100).await;
    assert!(get(app.address(), &link).await.is_whole());
    becomes(app.address(), &link, |status| status["state"] == "done").await;
    drop(earlier);
    origin.until("closed", |origin| origin.open() == 0).await;
    assert_eq!(status(app.address(), &link).await["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_read_only() {
    let app = App::start().await;
    let link = mint(app.address(), &sourceless()).await;
    let path = format!("{}/status", link.path);
    assert_eq!(ask("DELETE", app.address(), &path).await.status, 405);
    let answer = ask("GET", app.address(), &path).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
}

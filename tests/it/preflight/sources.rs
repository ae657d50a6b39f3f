//! Sources of every kind: what is told of each, in the words that a download uses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{codes, post, validate, validate_file};
use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::{Event, Head, Origin, Route};

/// An app whose clocks and attempts are short.
async fn hurried() -> App {
    App::with(|config| {
        config.fetch.first_byte_timeout = Duration::from_millis(400);
        config.fetch.attempts = 2;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_source_is_told_in_full() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let route = Route::pattern(1, 5_000_000)
        .etag("\"v1\"")
        .last_modified("Thu, 19 Nov 2026 23:00:00 GMT")
        .header("Content-Type", "text/csv; charset=utf-8");
    let url = origin.serve("/a.csv", route);
    let answer =
        validate_file(&app, json!({ "url": format!("{url}?sig=SECRET#f"), "zipPath": "a.csv" })).await;
    let result = &answer["results"][0];
    let mut told = result.clone();
    assert!(told["latencyMs"].take().as_u64().unwrap() < 60_000);
    assert_eq!(
        told,
        json!({
            "index": 0, "url": url, "zipPath": "a.csv", "accessible": true, "status": 206, "size": 5_000_000,
            "contentType": "text/csv; charset=utf-8", "lastModified": "2026-11-19T23:00:00Z", "etag": "\"v1\"",
            "acceptsRanges": true, "latencyMs": null, "error": null
        })
    );
    assert_eq!(answer["valid"], true);
    assert_eq!((&answer["fileCount"], &answer["totalSize"]), (&json!(1), &json!(5_000_000)));
    assert_eq!(answer["errors"], json!([]));
    // The query went where it belongs, in a GET of one byte, and nowhere else.
    let requests = origin.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("GET", "/a.csv?sig=SECRET"));
    assert_eq!(requests[0].header("range"), Some("bytes=0-0"));
    assert!(!answer.to_string().contains("SECRET"), "{answer}");
}

/// What a route makes of a result: status, size, whether ranges work; all are accessible.
#[tokio::test(flavor = "multi_thread")]
async fn odd_sources_are_accessible_all_the_same() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let plain = || Route::pattern(1, 1000);
    let no_head =
        Route::by(move |request, _| if request.method == "GET" { plain() } else { Route::status(403) });
    let no_range = Route::by(move |request, _| match request.header("range") {
        Some(_) => Route::status(416),
        None => plain(),
    });
    for (what, route, expected) in [
        ("refuses HEAD", no_head, json!([206, 1000, true, null])),
        ("ignores ranges", plain().ignores_ranges(), json!([200, 1000, false, null])),
        ("chunked", plain().ignores_ranges().chunked(), json!([200, null, false, null])),
        ("until close", plain().ignores_ranges().until_close(), json!([200, null, false, null])),
        ("hides its total", plain().hides_total(), json!([206, null, true, null])),
        ("empty", Route::bytes(""), json!([416, 0, true, null])),
        ("one byte", Route::bytes("a"), json!([206, 1, true, null])),
        ("cannot satisfy", no_range, json!([200, 1000, true, null])),
        ("a weak tag", plain().etag("W/\"a\""), json!([206, 1000, true, "W/\"a\""])),
        ("a long tag", plain().etag(format!("\"{}\"", "a".repeat(600))), json!([206, 1000, true, null])),
        ("503 at first", plain().first(1, |_| Route::status(503)), json!([206, 1000, true, null])),
        ("reset at first", plain().first(1, |route| route.head(Head::Reset)), json!([206, 1000, true, null])),
        (
            "falls silent after its head",
            plain().ignores_ranges().at(0, Event::Hang),
            json!([200, 1000, false, null]),
        ),
        ("an odd type", plain().header("Content-Type", "caf\u{e9}"), json!([206, 1000, true, null])),
    ] {
        let url = origin.serve("/a", route);
        let answer = validate_file(&app, json!({ "url": url, "zipPath": "a" })).await;
        let result = &answer["results"][0];
        let told = json!([result["status"], result["size"], result["acceptsRanges"], result["etag"]]);
        assert_eq!(told, expected, "{what}: {answer}");
        assert_eq!(
            (&result["accessible"], &answer["valid"]),
            (&json!(true), &json!(true)),
            "{what}: {answer}"
        );
        assert_eq!(answer["totalSize"], result["size"], "{what}");
    }
    let (end, chain) = (origin.serve("/end", plain()), origin.serve_chain("/chain", 3, "/end"));
    let answer = validate_file(&app, json!({ "url": chain, "zipPath": "a" })).await;
    assert_eq!((&answer["valid"], &answer["results"][0]["size"]), (&json!(true), &json!(1000)), "{answer}");
    assert_eq!(answer["results"][0]["url"], chain, "the URL that was sent, not {end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_sources_are_told_as_downloads_tell_them() {
    let (origin, app) = (Origin::start().await, hurried().await);
    let body = || Route::bytes("body");
    for (what, route, code, status) in [
        ("404", Route::status(404), "source_status", Some(404)),
        ("403", Route::bytes("<Error/>").with_status(403), "source_status", Some(403)),
        ("500", Route::status(500), "source_status", Some(500)),
        ("204", Route::status(204), "source_status", Some(204)),
        ("hung", body().head(Head::Hung), "source_timeout", None),
        ("hung within its head", body().head(Head::HungWithin), "source_timeout", None),
        ("reset", body().head(Head::Reset), "source_truncated", None),
        ("closed", body().head(Head::Closed), "source_truncated", None),
        ("no HTTP", Route::raw("SSH-2.0\r\n"), "source_protocol", None),
        ("a loop", Route::redirect(302, "/a"), "too_many_redirects", None),
        ("to a forbidden address", Route::redirect(302, "http://10.0.0.1/SECRET"), "forbidden_url", None),
        ("to a forbidden name", Route::redirect(302, "http://db.internal/"), "forbidden_url", None),
        ("another range", Route::bytes("b").content_range("bytes 1-1/2"), "source_protocol", None),
    ] {
        let url = origin.serve("/a", route);
        let descriptor = json!({ "files": [{ "url": url, "zipPath": "a" }] });
        let answer = validate(&app, &descriptor).await;
        let result = &answer["results"][0];
        assert_eq!(
            (&result["accessible"], &result["status"]),
            (&json!(false), &json!(status)),
            "{what}: {answer}"
        );
        assert_eq!(codes(&answer["errors"]), [("/files/0/url", code)], "{what}");
        assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&Value::Null, &Value::Null), "{what}");
        let problem = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await.json();
        assert_eq!(problem["errors"], answer["errors"], "{what}: a download says otherwise");
        assert!(!answer.to_string().contains("SECRET"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_and_bad_files_stand_beside_each_other() {
    let (origin, app) = (Origin::start().await, hurried().await);
    let good = origin.serve("/good", Route::pattern(1, 100).etag("\"a\""));
    let gone = origin.serve("/gone", Route::status(410));
    let other = origin.serve("/other", Route::pattern(1, 99));
    let descriptor = json!({ "colour": 1, "files": [
        { "url": good, "zipPath": "good" },
        { "url": "http://user:SECRET@10.0.0.1/a?SECRET", "zipPath": "../x", "zone": 7 },
        { "url": gone, "zipPath": "gone" },
        7,
        { "url": other, "zipPath": "declared", "size": 100 },
        { "url": "data:,hello", "zipPath": "data" },
        { "zipPath": "directory/" },
        { "url": good, "zipPath": "GOOD" },
    ] });
    let answer = validate(&app, &descriptor).await;
    let results = answer["results"].as_array().unwrap();
    let told: Vec<_> = results
        .iter()
        .map(|it| json!([it["url"], it["zipPath"], it["accessible"], it["size"], it["error"]["code"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([good, "good", true, 100, null]),
            json!(["http://10.0.0.1/a", "../x", false, null, "invalid_url"]),
            json!([gone, "gone", false, null, "source_status"]),
            json!([null, null, false, null, "invalid_descriptor"]),
            json!([other, "declared", true, 99, "source_mismatch"]),
            json!(["data:", "data", true, 5, null]),
            json!([null, "directory/", true, 0, null]),
            json!([good, "GOOD", false, null, "duplicate_zip_path"]),
        ]
    );
    let expected = [
        ("/colour", "unknown_field"),
        ("/files/1/url", "invalid_url"),
        ("/files/1/zipPath", "invalid_zip_path"),
        ("/files/1/zone", "unknown_field"),
        ("/files/3", "invalid_descriptor"),
        ("/files/7/zipPath", "duplicate_zip_path"),
        ("/files/2/url", "source_status"),
        ("/files/4/url", "source_mismatch"),
    ];
    assert_eq!(codes(&answer["errors"]), expected);
    assert_eq!((&answer["fileCount"], &answer["totalSize"]), (&json!(8), &Value::Null));
    assert!(!answer.to_string().contains("SECRET"), "{answer}");
    let asked: Vec<_> = origin.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(asked.len(), 3, "what is invalid is not asked: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_asked_all_at_once() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let url = origin.serve("/a", Route::bytes("body").head(Head::Hung));
    let files: Vec<_> = (0..50).map(|index| json!({ "url": url, "zipPath": index.to_string() })).collect();
    let waiting = tokio::spawn(post(app.address(), json!({ "files": files }).to_string()));
    origin.until("every file is asked for", |origin| origin.answering() == 50).await;
    waiting.abort();
}

/// What a download leaves out is no reason for it to be refused, unless nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_would_be_left_out_is_a_warning() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let good = origin.serve("/good", Route::pattern(1, 1000));
    let validation = |urls: Vec<String>| {
        let file = |(index, url): (usize, &String)| json!({ "url": url, "zipPath": index.to_string() });
        let files: Vec<_> = urls.iter().enumerate().map(file).collect();
        json!({ "onSourceError": "skip", "files": files })
    };
    let missing = origin.url("/missing");
    let answer = validate(&app, &validation(vec![missing.clone(), good.clone()])).await;
    assert_eq!((&answer["valid"], &answer["results"][0]["accessible"]), (&json!(true), &json!(false)));
    assert_eq!(answer["results"][0]["error"]["code"], "source_status");
    assert!(codes(&answer["warnings"]).contains(&("/files/0/url", "source_skipped")), "{answer}");
    assert_eq!((&answer["totalSize"], &answer["archiveSize"]), (&Value::Null, &Value::Null));
    let answer = validate(&app, &validation(vec![missing.clone(), missing])).await;
    let refused = [("/files/0/url", "source_status"), ("/files/1/url", "source_status")];
    assert_eq!((&answer["valid"], codes(&answer["errors"])), (&json!(false), refused.to_vec()));
    assert!(!codes(&answer["warnings"]).iter().any(|(_, code)| *code == "source_skipped"), "{answer}");
    // A name of nobody is one thing; one that leads inside is another.
    let answer = validate(&app, &validation(vec![good, "http://[::ffff:10.0.0.1]/".to_owned()])).await;
    assert_eq!(codes(&answer["errors"]), [("/files/1/url", "forbidden_url")]);
}

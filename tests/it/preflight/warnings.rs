//! What is lawful, and may still be meant otherwise: each concern is told where it holds and nowhere else.

use std::time::SystemTime;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{codes, validate, validate_file};
use crate::support::App;
use crate::support::origin::{Origin, Route, Tls, authority};

/// A source without any flaw but its scheme.
fn sound(length: u64) -> Route {
    Route::pattern(1, length).etag("\"v1\"")
}

/// The pointer and code of every warning but that of the scheme.
fn warnings(answer: &Value) -> Vec<(&str, &str)> {
    assert_eq!(answer["errors"], json!([]), "warnings make nothing invalid");
    codes(&answer["warnings"]).into_iter().filter(|(_, code)| *code != "insecure_url").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_source_gives_no_warning_and_http_gives_one() {
    let certificates = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(certificates.path(), authority()).unwrap();
    let (plain, tls) = (Origin::start().await, Origin::start_tls(Tls::Trusted).await);
    let app = App::with(|config| config.fetch.ca_file = Some(certificates.path().to_owned())).await;
    let files = [
        json!({ "url": tls.serve("/a", sound(9)), "zipPath": "a" }),
        json!({ "url": plain.serve("/a", sound(9)), "zipPath": "b" }),
        json!({ "url": "data:,x", "zipPath": "c" }),
        json!({ "zipPath": "d/" }),
    ];
    let answer = validate(&app, &json!({ "files": files })).await;
    assert_eq!(answer["valid"], true, "{answer}");
    assert_eq!(codes(&answer["warnings"]), [("/files/1/url", "insecure_url")]);
    assert_eq!(answer["warnings"][0]["index"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_cannot_be_continued_say_why() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let old = |route: Route| route.last_modified("Mon, 02 Nov 2020 10:00:00 GMT");
    let now = httpdate::fmt_http_date(SystemTime::now());
    let plain = || Route::pattern(1, 1000);
    let (length, ranges, validator) = (" no length", " no byte ranges", " no strong validator");
    for (route, missing) in [
        (sound(1000), vec![]),
        (old(plain()), vec![]),
        (plain(), vec![validator]),
        (plain().etag("W/\"v1\""), vec![validator]),
        (old(plain()).etag("W/\"v1\""), vec![validator]),
        (plain().last_modified(now), vec![validator]),
        (sound(1000).ignores_ranges(), vec![ranges]),
        (sound(1000).hides_total(), vec![length]),
        (plain().ignores_ranges().chunked(), vec![length, ranges, validator]),
    ] {
        let url = origin.serve("/a", route);
        let answer = validate_file(&app, json!({ "url": url, "zipPath": "a" })).await;
        let mut expected = if missing.is_empty() { vec![] } else { vec![("/files/0/url", "not_resumable")] };
        if missing.contains(&length) {
            expected.push(("/files/0/url", "unknown_length"));
        }
        assert_eq!(warnings(&answer), expected, "{answer}");
        let list = answer["warnings"].as_array().unwrap();
        let warning = list.iter().find(|warning| warning["code"] == "not_resumable");
        let detail = warning.map_or("", |warning| warning["detail"].as_str().unwrap());
        for part in [length, ranges, validator] {
            assert_eq!(detail.contains(part), missing.contains(&part), "{part} in {detail}");
        }
    }
    let url = origin.serve("/a", plain().ignores_ranges().chunked());
    let declared = validate_file(&app, json!({ "url": url, "zipPath": "a", "size": 1000 })).await;
    assert_eq!(warnings(&declared), [("/files/0/url", "not_resumable")], "the length is declared");
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_data_under_deflate_and_odd_names_are_told() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let jpeg = origin.serve("/photo", sound(9).header("Content-Type", "Image/JPEG"));
    let text = origin.serve("/text", sound(9).header("Content-Type", "text/plain; charset=utf-8"));
    let gzip = origin.serve("/dump.sql.gz", sound(9));
    let files = [
        json!({ "url": jpeg, "zipPath": "0" }),
        json!({ "url": text, "zipPath": "1" }),
        json!({ "url": text, "zipPath": "2.ZIP" }),
        json!({ "url": gzip, "zipPath": "3" }),
        json!({ "url": gzip, "zipPath": "4.gz", "compression": "STORE" }),
        json!({ "url": "data:,a", "zipPath": "5.png" }),
        json!({ "url": gzip, "zipPath": "7.gz", "compression": "AUTO" }),
        json!({ "zipPath": "6.zip/" }),
    ];
    let answer = validate(&app, &json!({ "compression": "DEFLATE", "files": files })).await;
    let expected = [0, 2, 3, 5].map(|index| format!("/files/{index}/compression"));
    let expected: Vec<_> = expected.iter().map(|pointer| (pointer.as_str(), "already_compressed")).collect();
    assert_eq!(warnings(&answer), expected);
    let names = ["fine", "2026-11-20T10:00:00Z", "a/aux.txt", "dot./x", "b|c"];
    let files: Vec<_> = names.iter().map(|name| json!({ "url": "data:,a", "zipPath": name })).collect();
    let answer = validate(&app, &json!({ "files": files })).await;
    let expected = [1, 2, 3, 4].map(|index| format!("/files/{index}/zipPath"));
    let expected: Vec<_> = expected.iter().map(|pointer| (pointer.as_str(), "not_portable")).collect();
    assert_eq!(warnings(&answer), expected);
    let strict = validate(&app, &json!({ "portableNames": true, "files": files })).await;
    assert_eq!(
        (&strict["warnings"], strict["errors"].as_array().unwrap().len()),
        (&json!([]), 4),
        "refused instead"
    );
}

/// The query of a URL that ends so many seconds from now, in every signer's form.
fn signed(seconds: i64) -> [String; 5] {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let end = now + Duration::seconds(seconds);
    let begin = end - Duration::seconds(3600);
    let basic = begin.format(&Rfc3339).unwrap().replace(['-', ':'], "");
    [
        format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={basic}&X-Amz-Expires=3600&X-Amz-Signature=SECRET"
        ),
        format!("X-Goog-Date={basic}&X-Goog-Expires=3600&X-Goog-Signature=SECRET"),
        format!("AWSAccessKeyId=SECRET&Expires={}&Signature=SECRET", end.unix_timestamp()),
        format!("sv=2025-01-05&se={}&sig=SECRET", end.format(&Rfc3339).unwrap().replace(':', "%3A")),
        format!("sp=r&se={}Z&sig=SECRET", &(end + Duration::seconds(59)).format(&Rfc3339).unwrap()[..16]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_end_too_early_are_told() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let small = origin.serve("/small", sound(9));
    let large = origin.serve("/large", sound(2_000_000_000));
    // The minute of the last form is rounded, which the ends here are far from.
    for (seconds, told) in [(-7200, "ended at"), (-90, "ended at"), (900, ""), (7200, "")] {
        for query in signed(seconds) {
            let answer =
                validate_file(&app, json!({ "url": format!("{small}?{query}"), "zipPath": "a" })).await;
            let expected = if told.is_empty() { vec![] } else { vec![("/files/0/url", "expires_soon")] };
            assert_eq!(warnings(&answer), expected, "{seconds} {query}");
            assert!(
                told.is_empty() || answer["warnings"][0]["detail"].as_str().unwrap().contains(told),
                "{answer}"
            );
            assert!(!answer.to_string().contains("SECRET"), "{answer}");
        }
    }
    let [soon, ..] = signed(55);
    let answer = validate_file(&app, json!({ "url": format!("{small}?{soon}"), "zipPath": "a" })).await;
    assert_eq!(warnings(&answer), [("/files/0/url", "expires_soon")]);
    // 2 GB take 200 s, and what stands behind them waits that long, known sizes or not.
    let [early, ..] = signed(190);
    let [late, ..] = signed(400);
    let unknown = origin.serve("/unknown", Route::bytes("a").ignores_ranges().chunked());
    let urls = [format!("{large}?{early}"), unknown, format!("{small}?{early}"), format!("{small}?{late}")];
    let files =
        urls.iter().enumerate().map(|(index, url)| json!({ "url": url, "zipPath": index.to_string() }));
    let answer = validate(&app, &json!({ "files": files.collect::<Vec<_>>() })).await;
    let told = warnings(&answer);
    let expiring: Vec<_> = told.iter().filter(|(_, code)| *code == "expires_soon").collect();
    assert_eq!(expiring, [&("/files/2/url", "expires_soon")], "{answer}");
}

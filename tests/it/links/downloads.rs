//! The path of a browser: a link is minted, followed, looked at and deleted.

use serde_json::json;

use super::{ask, assert_refused, get, mint, post, sourceless};
use crate::{
    pipeline::download::{assert_whole, numbered},
    support::{
        App,
        client::{Request, http2},
        origin::{Origin, Route, pattern},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_link_tells_where_and_how_long() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::pattern(1, 1000));
    let before = time::OffsetDateTime::now_utc();
    let answer = post(app.address(), &numbered([&url])).await;
    assert_eq!(answer.status, 201);
    let link = answer.json();
    let token = link["token"].as_str().unwrap();
    assert!(token.len() >= 32 && token.bytes().all(|octet| octet.is_ascii_alphanumeric()), "{token}");
    assert_eq!(link["downloadUrl"], format!("/api/downloads/{token}"));
    assert_eq!(answer.header("location"), link["downloadUrl"].as_str());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(link["expiresIn"], 60);
    let rfc3339 = &time::format_description::well_known::Rfc3339;
    let expires = time::OffsetDateTime::parse(link["expiresAt"].as_str().unwrap(), rfc3339).unwrap();
    let left = (expires - before).whole_seconds();
    assert!((58..=90).contains(&left), "{left}");
    assert_eq!(link.as_object().unwrap().len(), 4);
    assert!(origin.requests().is_empty(), "nothing is fetched for a link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_descriptor_is_told_like_any_other() {
    let app = App::start().await;
    let descriptor =
        json!({ "files": [{ "url": "http://10.0.0.1/", "zipPath": "../a" }, { "zipPath": "b" }] });
    let minting = post(app.address(), &descriptor).await;
    let downloading = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
    let (mut one, mut other) = (minting.json(), downloading.json());
    assert_eq!(one["errors"].as_array().unwrap().len(), 3, "{one}");
    (one["requestId"], other["requestId"]) = (json!(0), json!(0));
    assert_eq!((minting.status, one), (400, other));
    assert_refused(
        &Request::post(app.address(), "/api/download-links").body("{").send().await,
        400,
        "invalid_json",
    );
    assert_eq!(ask("GET", app.address(), "/api/download-links").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_file_with_its_name_as_often_as_it_likes() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let bodies = [pattern(1, 0..300_000), pattern(2, 0..10)];
    let urls = [origin.serve("/a", Route::pattern(1, 300_000)), origin.serve("/b", Route::pattern(2, 10))];
    let mut descriptor = numbered(&urls);
    descriptor["suggestedFilename"] = json!("Grüße 2026");
    let link = mint(app.address(), &descriptor).await;
    let mut archives = Vec::new();
    for _ in 0..3 {
        let request = Request::get(app.address(), &link.path);
        let answer = request
            .header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("Accept-Encoding", "gzip, deflate, br")
            .send()
            .await;
        assert_whole(&answer, &bodies, "a browser");
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        let disposition = answer.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; "), "{disposition}");
        assert!(disposition.contains("filename*=UTF-8''Gr%C3%BC%C3%9Fe%202026.zip"), "{disposition}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("content-length").is_some() && answer.header("content-encoding").is_none());
        archives.push(answer.body);
    }
    assert!(archives.iter().all(|archive| *archive == archives[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_tells_what_get_would() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let url = origin.serve("/a", Route::pattern(1, 3 << 20).etag("\"v1\""));
    let link = mint(app.address(), &numbered([&url])).await;
    let unused = ask("HEAD", app.address(), &link.path).await;
    assert_eq!((unused.status, unused.body.len()), (200, 0));
    assert_eq!(super::status(app.address(), &link).await["state"], "waiting", "a HEAD is no download");
    origin.until("closed", |origin| origin.open() == 0).await;
    let asked = origin.requests().len();
    let used = ask("HEAD", app.address(), &link.path).await;
    assert_eq!(origin.requests().len(), asked, "what is frozen needs no source");
    let got = get(app.address(), &link).await;
    assert_whole(&got, &[pattern(1, 0..3 << 20)], "after it");
    let telling = |answer: &crate::support::client::Answer| {
        let varies = ["date", "x-request-id"];
        let lines = answer.headers.iter().filter(|(name, _)| !varies.contains(&name.to_lowercase().as_str()));
        let mut lines: Vec<_> = lines.cloned().collect();
        lines.sort();
        lines
    };
    assert_eq!(telling(&unused), telling(&got));
    assert_eq!(telling(&used), telling(&got));
    assert_eq!(used.header("content-length"), Some(got.body.len().to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn head_promises_no_length_that_is_not_known() {
    let app = App::start().await;
    let mut descriptor = sourceless();
    descriptor["compression"] = json!("DEFLATE");
    let link = mint(app.address(), &descriptor).await;
    let head = ask("HEAD", app.address(), &link.path).await;
    assert_eq!((head.status, head.header("content-length")), (200, None));
    assert_whole(&get(app.address(), &link).await, &["hello"], "deflated");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_follows_links_too() {
    let app = App::start().await;
    let link = mint(app.address(), &sourceless()).await;
    let mut connection = http2::Connection::open(app.address()).await;
    let request = connection.request("GET", &link.path, String::new());
    assert_whole(&connection.send(request).await, &["hello"], "HTTP/2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_link_is_gone() {
    let app = App::start().await;
    let (link, other) = (mint(app.address(), &sourceless()).await, mint(app.address(), &sourceless()).await);
    let deleted = ask("DELETE", app.address(), &link.path).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for method in ["DELETE", "GET"] {
        assert_refused(&ask(method, app.address(), &link.path).await, 404, "link_not_found");
    }
    assert_eq!(ask("HEAD", app.address(), &link.path).await.status, 404);
    let status = ask("GET", app.address(), &format!("{}/status", link.path)).await;
    assert_refused(&status, 404, "link_not_found");
    assert_whole(&get(app.address(), &other).await, &["hello"], "another link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_mint_look_and_delete() {
    let app = App::start().await;
    let origin = "https://shop.example";
    for (method, path) in [("POST", "/api/download-links"), ("DELETE", "/api/downloads/x")] {
        let preflight = Request::new("OPTIONS", app.address(), path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "content-type");
        let answer = preflight.send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("*"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    }
    let request = Request::post(app.address(), "/api/download-links").json(&sourceless());
    let answer = request.header("Origin", origin).send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (201, Some("*")));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("location"));
}

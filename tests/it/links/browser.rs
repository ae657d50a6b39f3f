//! The README's browser button, in a real browser, on a page of another origin.

use std::time::Duration;

use super::becomes;
use crate::{
    pipeline::download::contents,
    support::{
        App,
        browser::Browser,
        origin::{Origin, Route, pattern},
    },
};

/// The recipe's code, told where this service is.
fn recipe(app: &App) -> String {
    let readme = include_str!("../../../README.md");
    let (_, recipe) = readme.split_once("**A browser button**").expect("the README has the recipe");
    let (_, code) = recipe.split_once("```js\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(code.contains("http://127.0.0.1:8080"), "{code}");
    code.replace("http://127.0.0.1:8080", &app.url(""))
}

/// A page with the button; `urls` become its files.
fn page(app: &App, urls: &[String]) -> String {
    let file =
        |(index, url): (usize, &String)| serde_json::json!({ "url": url, "zipPath": format!("{index}.bin") });
    let files: serde_json::Value = urls.iter().enumerate().map(file).collect();
    format!(
        "<!doctype html><meta charset=utf-8><title>Shop</title><button id=all>Download all</button><script>
         const files = {files};
         window.seen = [];
         const asked = window.fetch;
         window.fetch = async (...of) => {{ const answer = await asked(...of); seen.push(await answer.clone().json()); return answer; }};
         document.getElementById('all').onclick = async () => {{ try {{ {} }} catch (error) {{ window.failure = String(error); }} }};
         </script>",
        recipe(app)
    )
}

/// Opens the page and presses the button; returns the link that the page was given.
async fn press(browser: &Browser, origin: &Origin, app: &App, urls: &[String]) -> super::Link {
    let body = page(app, urls);
    let page = origin.serve("/shop", Route::bytes(body).header("Content-Type", "text/html; charset=utf-8"));
    browser.open(&page).await;
    browser.run("document.getElementById('all').click()").await;
    let link =
        browser.until("the link", "return window.failure || (seen[0] && seen[0].downloadUrl) || null").await;
    let path = link.as_str().unwrap().to_owned();
    assert!(path.starts_with("/api/downloads/"), "{path}");
    super::Link { token: path.rsplit('/').next().unwrap().into(), path }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_saves_the_archive_under_its_name() {
    let (app, origin, browser) = (App::start().await, Origin::start().await, Browser::start().await);
    let urls = [origin.serve("/a", Route::pattern(1, 5 << 20)), origin.serve("/b", Route::pattern(2, 1000))];
    press(&browser, &origin, &app, &urls).await;
    let archive = browser.downloaded("files.zip").await;
    let expected = [("0.bin".to_owned(), pattern(1, 0..5 << 20)), ("1.bin".to_owned(), pattern(2, 0..1000))];
    assert!(contents(&archive) == expected, "{} bytes", archive.len());
    assert_eq!(browser.run("return document.title").await, "Shop", "the page is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_source_is_a_failed_download_and_not_a_short_file() {
    let (app, origin, browser) = (App::start().await, Origin::start().await, Browser::start().await);
    // One of known length, one that is sent in chunks.
    let routes = [Route::pattern(1, 5 << 20), Route::pattern(1, 5 << 20).chunked()];
    for (index, route) in routes.into_iter().enumerate() {
        let url = origin.serve(&format!("/{index}"), route.ignores_ranges().cut(3 << 20));
        let link = press(&browser, &origin, &app, &[url]).await;
        let failed = becomes(app.address(), &link, |status| status["state"] == "failed").await;
        assert_eq!(failed["error"]["code"], "source_truncated", "{failed}");
        let failed = fails(&browser, &link).await;
        assert_eq!(failed["fileName"], "files.zip");
        assert!(failed["lastReasonText"].as_str().unwrap().starts_with("Failed"), "{failed}");
        assert!(browser.landed().iter().all(|name| name.ends_with(".crdownload")), "{:?}", browser.landed());
    }
    // Nothing lands later either.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!browser.landed().iter().any(|name| name.ends_with(".zip")), "{:?}", browser.landed());
}

/// Waits until the browser's own page shows a reason for not being complete; returns what it knows of the download.
pub(super) async fn fails(browser: &Browser, link: &super::Link) -> serde_json::Value {
    browser.open("chrome://downloads").await;
    browser.until("the failure", &FAILED.replace("TOKEN", &link.token)).await
}

/// The latest download on that page, once it shows a reason.
const FAILED: &str = "
    const list = document.querySelector('downloads-manager');
    const item = list && list.shadowRoot.querySelector('downloads-item');
    const is_failed = item && item.data && item.data.url.endsWith('TOKEN') && item.data.lastReasonText;
    return is_failed ? item.data : null;";

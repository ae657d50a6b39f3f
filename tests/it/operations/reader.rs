//! The page that shows the description works without the internet.

use std::process::Stdio;

use super::tool;
use crate::support::App;
use crate::support::client::{Answer, Request};

async fn get(app: &App, path: &str) -> Answer {
    let answer = Request::get(app.address(), path).send().await;
    assert_eq!(answer.status, 200, "{path}");
    answer
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!("{attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_only_what_the_service_has() {
    let app = App::start().await;
    let moved = Request::get(app.address(), "/docs").send().await;
    assert_eq!((moved.status, moved.header("location")), (303, Some("/docs/")));
    let page = text(&get(&app, "/docs/").await);
    let assets: Vec<_> = values(&page, "src").into_iter().chain(values(&page, "href")).collect();
    assert!(assets.len() >= 5, "{page}");
    for asset in &assets {
        assert!(!asset.contains("//"), "{asset}");
        let answer = get(&app, &format!("/docs/{}", asset.trim_start_matches("./"))).await;
        assert!(!answer.body.is_empty(), "{asset}");
        if asset.ends_with(".css") {
            let style = text(&answer);
            let loads = style
                .split("url(")
                .skip(1)
                .filter(|rest| !rest.trim_start_matches(['"', '\'']).starts_with("data:"));
            assert_eq!(loads.count() + style.matches("@import").count(), 0, "{asset} loads something");
        }
    }
    let missing = Request::get(app.address(), "/docs/nowhere.js").send().await;
    assert_eq!((missing.status, &missing.json()["code"]), (404, &"not_found".into()));
    let start = text(&get(&app, "/docs/swagger-initializer.js").await);
    assert!(start.contains("\"url\": \"/api/openapi.json\""), "{start}");
    assert!(
        start.contains("\"validatorUrl\": \"none\""),
        "the default is a server of somebody else: {start}"
    );
}

/// What its scripts might still think of, the browser refuses.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_policy_forbids_everything_from_elsewhere() {
    let app = App::start().await;
    for path in ["/docs/", "/docs/swagger-ui-bundle.js"] {
        let answer = get(&app, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        for source in policy.split("; ").flat_map(|rule| rule.split(' ').skip(1)) {
            assert!(["'none'", "'self'", "'unsafe-inline'", "data:"].contains(&source), "{source}");
        }
        assert!(policy.contains("script-src 'self';"), "no inline scripts: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
}

/// A real browser, in which no name but the service's own leads anywhere: the page draws every route that the description
/// has, and its policy is in the way of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_the_internet_shows_every_route() {
    let app = App::start().await;
    let document = get(&app, "/api/openapi.json").await.json();
    let folder = tempfile::tempdir().unwrap();
    let mut browser = tool("chromium");
    browser
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--virtual-time-budget=20000",
        ])
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(app.url("/docs/"))
        .env("HOME", folder.path())
        .stdin(Stdio::null());
    let shown = tokio::task::spawn_blocking(move || browser.output()).await.unwrap();
    let shown = shown.expect("chromium is there: scripts/check installs it");
    let (page, said) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("data-path=\"{path}\"")), "{path} is not shown: {page}\n{said}");
    }
    let complaints =
        said.lines().filter(|line| line.contains("CONSOLE") && line.contains("Content Security Policy"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new());
}

//! The ban on the service itself: by its address in every spelling, by a name that leads there, by its public URL, behind
//! a redirect, and by its own signature where a proxy hides all of that.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use serde_json::json;
use tokio::net::TcpStream;
use zipstream::config::Config;
use zipstream::egress;

use super::problems::checked;
use crate::support::App;
use crate::support::client::{Answer, Request};
use crate::support::dns::{self, Dns};
use crate::support::origin::{Origin, Route};

async fn download(app: &App, url: &str) -> Answer {
    let descriptor = json!({ "files": [{ "url": url, "zipPath": "a" }] });
    Request::post(app.address(), "/api/downloads").json(&descriptor).send().await
}

/// Asserts that an answer says which rule spoke.
fn assert_own(answer: &Answer, status: u16, why: &str) {
    let problem = checked(answer);
    assert_eq!(
        (answer.status, problem["code"].as_str()),
        (status, Some("forbidden_url")),
        "{why}: {problem}"
    );
    assert!(problem["detail"].as_str().unwrap().contains("leads back to this service"), "{why}: {problem}");
}

/// Starts the service with the loopback allowed, so that only the ban on itself can refuse it.
async fn start(dns: &Dns, change: impl FnOnce(&mut Config)) -> App {
    let nameserver = dns.address();
    App::with(|config| {
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        config.egress.allow.push("0.0.0.0/8".parse().unwrap());
        config.egress.nameservers = vec![nameserver];
        change(config);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_address_in_every_spelling() {
    let dns = Dns::start().await;
    let app = start(&dns, |_| {}).await;
    let port = app.address().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "0.0.0.0",
        "0",
        "１２７.0.0.1",
    ] {
        assert_own(&download(&app, &format!("http://{host}:{port}/api/downloads")).await, 400, host);
    }
    // Another port of the same address is somebody else.
    let origin = Origin::start().await;
    assert_eq!(download(&app, &origin.serve("/a", Route::bytes("body"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_name_that_leads_there() {
    let dns = Dns::start().await;
    let app = start(&dns, |_| {}).await;
    let port = app.address().port();
    let here: Vec<std::net::IpAddr> = vec!["127.0.0.1".parse().unwrap()];
    dns.script("self.example.net", vec![dns::Answer::Addresses(here.clone())]);
    dns.script("alias.example.net", vec![dns::Answer::Alias(vec!["self.example.net".to_owned()], here)]);
    dns.script("both.example.net", vec![dns::Answer::addresses(&["127.0.0.2", "127.0.0.1"])]);
    for name in ["self.example.net", "alias.example.net", "both.example.net", "SELF.example.net."] {
        assert_own(&download(&app, &format!("http://{name}:{port}/")).await, 400, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_public_url() {
    let dns = Dns::start().await;
    let origin = Origin::start().await;
    let public = |url: &str| {
        let url = url.parse().unwrap();
        move |config: &mut Config| config.server.public_url = Some(url)
    };
    dns.script("zip.example.net", vec![dns::Answer::addresses(&["127.0.0.1"])]);
    let port = origin.address().port();
    let app = start(&dns, public("http://zip.example.net/")).await;
    for url in ["http://zip.example.net/", "http://zip.example.net:80/x", "http://ZIP.Example.net./x?y"] {
        assert_own(&download(&app, url).await, 400, url);
    }
    // The same host on another port is another service.
    origin.serve("/a", Route::bytes("body"));
    let elsewhere = download(&app, &format!("http://zip.example.net:{port}/a")).await;
    assert_eq!(elsewhere.status, 200, "{:?}", String::from_utf8_lossy(&elsewhere.body));
    let app = start(&dns, public(&format!("http://127.0.0.1:{port}/"))).await;
    assert_own(&download(&app, &origin.url("/a")).await, 400, "a public address");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_redirect() {
    let dns = Dns::start().await;
    let origin = Origin::start().await;
    let app =
        start(&dns, |config| config.server.public_url = Some("https://zip.example.net/".parse().unwrap()))
            .await;
    dns.script("self.example.net", vec![dns::Answer::addresses(&["127.0.0.1"])]);
    let by_name = format!("http://self.example.net:{}/", app.address().port());
    for target in [app.url("/api/downloads"), by_name, "https://zip.example.net/api/downloads".to_owned()] {
        for status in [301, 302, 303, 307, 308] {
            let url = origin.serve("/away", Route::redirect(status, &target));
            assert_own(&download(&app, &url).await, 502, &target);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_its_signature_behind_a_proxy() {
    let dns = Dns::start().await;
    dns.script("front.example.net", vec![dns::Answer::addresses(&[super::PUBLIC])]);
    let here: Arc<OnceLock<SocketAddr>> = Arc::default();
    let target = here.clone();
    // A balancer of whose address nobody told the service: what is dialled there comes back here.
    let connect: egress::Connect = Arc::new(move |_| TcpStream::connect(*target.get().unwrap()).boxed());
    let nameserver = dns.address();
    let change = |config: &mut Config| {
        config.egress = egress::Config { nameservers: vec![nameserver], ..egress::Config::default() };
    };
    let app = App::connecting(change, Some(connect)).await;
    here.set(app.address()).unwrap();
    // No GET makes an archive, so that there is no loop for the signature to break: the circle ends at the method.
    let answer = download(&app, "http://front.example.net/api/downloads").await;
    let problem = checked(&answer);
    assert_eq!((answer.status, problem["code"].as_str()), (502, Some("source_status")), "{problem}");
    // What would make one is refused by the signature, whoever else signed.
    let descriptor = json!({ "files": [{ "url": "http://front.example.net/", "zipPath": "a" }] });
    for via in ["1.1 zipstream", "1.0 squid, 1.1 zipstream (x)", "1.1 ZIPSTREAM"] {
        let request = Request::post(app.address(), "/api/downloads").json(&descriptor).header("Via", via);
        let answer = request.send().await;
        assert_eq!((answer.status, &checked(&answer)["code"]), (400, &json!("forbidden_url")), "{via}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_told_who_asks() {
    let dns = Dns::start().await;
    let origin = Origin::start().await;
    let app = start(&dns, |_| {}).await;
    let url = origin.serve_chain("/hop", 2, "/a");
    origin.serve("/a", Route::bytes("body"));
    assert_eq!(download(&app, &url).await.status, 200);
    let requests = origin.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.header("via"), Some("1.1 zipstream"), "{}", request.target);
    }
    // A client cannot take the signature away, nor put its own there.
    let descriptor =
        json!({ "files": [{ "url": origin.url("/a"), "zipPath": "a", "headers": { "Via": "1.1 x" } }] });
    let answer = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
    assert_eq!(checked(&answer)["code"], "invalid_header");
}

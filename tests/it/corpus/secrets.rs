//! Nothing that a client keeps secret, and nothing that was learnt about a private network, is ever answered: not the
//! query of a URL, not a header's value, not an address behind a name, not whether anything listens there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::problems::checked;
use super::{World, hurried};
use crate::support::client::Answer;
use crate::support::dns;
use crate::support::origin::{Head, Origin, Route, Tls, authority, refused};

/// What must not come back.
const SECRETS: [&str; 5] = ["SIGNATURE", "BEARER", "PASSWORD", "FRAGMENT", "93.184."];

fn assert_discreet(answer: &Answer, why: &str) {
    let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{why}: {secret} in {shown}");
    }
}

/// A descriptor whose every secret is marked.
fn marked(url: &str) -> Value {
    let url =
        if url.contains('?') { url.to_owned() } else { format!("{url}?X-Amz-Signature=SIGNATURE#FRAGMENT") };
    let headers = json!({ "Authorization": "Bearer BEARER", "Cookie": "session=BEARER" });
    json!({ "files": [{ "url": url, "zipPath": "a.txt", "headers": headers }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_sources_do_not_tell() {
    let origin = Origin::start().await;
    let world = World::with(origin.address(), hurried).await;
    let routes = [
        Route::status(403).header("X-Error", "SIGNATURE"),
        Route::bytes("<Error>SIGNATURE</Error>").with_status(403),
        Route::status(503),
        Route::redirect(302, "http://10.0.0.1/?PASSWORD"),
        Route::redirect(302, "http://u:PASSWORD@src.example.net/"),
        Route::redirect(302, "/a.txt?SIGNATURE"),
        Route::redirect(302, "ftp://src.example.net/SIGNATURE"),
        Route::bytes("body").claims("SIGNATURE"),
        Route::bytes("body").head(Head::Reset),
        Route::bytes("body").head(Head::Hung),
        Route::raw("SIGNATURE\r\n"),
        Route::bytes("body").with_status(206).header("Content-Range", "SIGNATURE"),
        Route::bytes("body").claims(10).ignores_ranges(),
    ];
    for (index, route) in routes.into_iter().enumerate() {
        origin.serve("/a.txt", route);
        let answer = world.download(&marked("http://src.example.net/a.txt")).await;
        assert!(answer.status >= 400, "{index}");
        checked(&answer);
        assert_discreet(&answer, &index.to_string());
        let told = world.validate(marked("http://src.example.net/a.txt").to_string()).await;
        assert_eq!(told.status, 200, "{index}");
        assert_discreet(&told, &format!("{index}, validated"));
    }
    assert!(origin.requests().iter().any(|request| request.target.contains("SIGNATURE")));
    assert!(origin.requests().iter().any(|request| request.header("authorization") == Some("Bearer BEARER")));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_descriptors_do_not_tell() {
    let origin = Origin::start().await;
    let world = World::start(origin.address()).await;
    for url in [
        "http://127.0.0.1/?SIGNATURE",
        "http://user:PASSWORD@src.example.net/?SIGNATURE",
        "http://src.example.net:22/?SIGNATURE",
        "http://src.example.net/\r\n?SIGNATURE",
        "gopher://src.example.net/?SIGNATURE",
        "src.example.net/?SIGNATURE",
        "http://a b/?SIGNATURE",
        "http://printer/?SIGNATURE",
        "data:;base64,SIGNATURE?",
    ] {
        let answer = world.download(&marked(url)).await;
        assert_eq!(answer.status, 400, "{url}");
        checked(&answer);
        assert_discreet(&answer, url);
        let told = world.validate(marked(url).to_string()).await;
        assert_eq!((told.status, &told.json()["valid"]), (200, &json!(false)), "{url}");
        assert_discreet(&told, url);
    }
    for (pointer, value) in [
        ("/files/0/headers/Authorization", json!("BEARER\r\nX: y")),
        ("/files/0/headers/Authorization", json!(["BEARER"])),
        ("/files/0/size", json!("PASSWORD")),
        ("/files/0/sha256", json!("PASSWORD")),
        ("/files/0/compression", json!("PASSWORD")),
    ] {
        let mut document = marked("http://src.example.net/a.txt");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let answer = world.download(&document).await;
        assert_eq!(answer.status, 400, "{pointer}");
        checked(&answer);
        assert_discreet(&answer, pointer);
        assert_discreet(&world.validate(document.to_string()).await, pointer);
    }
    let torn =
        marked("http://src.example.net/a.txt").to_string().replace("\"zipPath\"", "BEARER \"zipPath\"");
    let answer = world.post(torn).await;
    assert_eq!(answer.status, 400);
    assert_discreet(&answer, "torn JSON");
    assert!(origin.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_network_stays_dark() {
    let origin = Origin::start().await;
    origin.serve("/", Route::bytes("body"));
    let world = World::with(origin.address(), hurried).await;
    let mut answers = Vec::new();
    for (name, address) in
        [("up.example.net", "10.0.0.7"), ("down.example.net", "10.0.0.8"), ("six.example.net", "fd00::9")]
    {
        world.dns.script(name, vec![dns::Answer::addresses(&[address])]);
        // Whether something is there or not, nobody looks.
        world.redirect_dials(if name.starts_with("up") { origin.address() } else { refused().await });
        let descriptor = json!({ "files": [{ "url": format!("http://{name}/"), "zipPath": "a" }] });
        let answer = timeout(Duration::from_secs(5), world.download(&descriptor)).await.unwrap();
        let mut problem = checked(&answer);
        problem["requestId"] = Value::Null;
        answers.push((answer.status, problem.to_string().replace(name, "…")));
    }
    assert_eq!(answers[0].0, 400);
    assert_eq!((&answers[0], &answers[0]), (&answers[1], &answers[2]), "the answers tell networks apart");
    assert!(world.dialled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_that_refuses_is_not_shown_either() {
    let world = World::with(refused().await, hurried).await;
    let answer = world.download(&marked("http://src.example.net/a.txt")).await;
    assert_eq!((answer.status, &checked(&answer)["code"]), (502, &json!("source_unreachable")));
    assert_discreet(&answer, "refused");
    world.dns.script("src.example.net", vec![dns::Answer::Missing]);
    let answer = world.download(&marked("http://src.example.net/a.txt")).await;
    assert_eq!((answer.status, &checked(&answer)["code"]), (502, &json!("source_unreachable")));
    assert_discreet(&answer, "missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_certificate_only_the_kind_of_its_fault_is_told() {
    let certificates = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(certificates.path(), authority()).unwrap();
    for (tls, fault) in [
        (Tls::Expired, "its certificate has expired"),
        (Tls::SelfSigned, "the issuer of its certificate is not known"),
        (Tls::WrongName, "its certificate is for another name"),
    ] {
        let origin = Origin::builder().tls(tls).name("db.inside.example.net").start().await;
        let world = World::with(origin.address(), |config| {
            hurried(config);
            config.fetch.ca_file = Some(certificates.path().to_owned());
        })
        .await;
        let answer = world.download(&marked("https://src.example.net/a.txt")).await;
        let problem = checked(&answer);
        assert_eq!((answer.status, &problem["code"]), (502, &json!("source_tls")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!("no trusted TLS connection to the source: {fault}")), "{detail}");
        let told = world.validate(marked("https://src.example.net/a.txt").to_string()).await;
        for shown in [answer, told].map(|answer| String::from_utf8(answer.body).unwrap()) {
            assert!(!shown.contains("inside") && !shown.contains("other.example"), "{shown}");
        }
    }
}

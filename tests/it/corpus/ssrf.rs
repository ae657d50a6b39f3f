//! `ssrf_urls.json` over the whole service: a scripted DNS, every address written down, redirects followed to where they
//! lead. Blocked is a problem that says so, and no connection to an address that the case does not call lawful.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};
use url::Url;

use super::problems::checked;
use super::{PUBLIC, World, contents};
use crate::support::client::Answer;
use crate::support::dns;
use crate::support::origin::{Origin, Route, Tls, authority};

/// Where this service is, as the cases have it.
const SELF: &str = "93.184.216.34";

/// A `data:` URL is no way out at all, and lawful in a descriptor: decoded, nothing fetched.
const DATA_URL: &str = "ssrf-205";

/// A line end in a header's value is no HTTP at all, which is told before anything is made of the value.
const LINE_END: &str = "ssrf-325";

fn corpus() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/ssrf_urls.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The redirects that the corpus may hold back beside its own: where a `Location` leads, and what comes of it.
fn siblings() -> Vec<Value> {
    let redirect = |number: usize, status: u16, location: &str, expect: &str| {
        json!({
            "id": format!("own-{number:03}"), "url": "http://redirector.example.net/start", "why": location,
            "category": "redirect", "expect": expect, "dns": [[PUBLIC]],
            "redirects": [{ "status": status, "location": location }],
        })
    };
    let blocked = [
        (302, "http://127.0.0.1/"),
        (307, "http://127.0.0.1/"),
        (302, "//127.0.0.1/"),
        (302, "http://0x7f.1/"),
        (302, "http://0/"),
        (302, "http://127.1:8080/"),
        (302, "http://[::ffff:169.254.169.254]/"),
        (302, "http://169.254.169.254/latest/meta-data/"),
        (302, "http://localhost/"),
        (302, "http://redirector.example.net@127.0.0.1/"),
        (302, "http://user:pw@redirector.example.net/"),
        (302, "http://@good.example.net/"),
        (302, "//:@good.example.net/"),
        (302, "http://go\u{200b}od.example.net/"),
        (302, "http://go%C2%ADod.example.net/"),
        (302, "file:///etc/passwd"),
        (302, "ftp://redirector.example.net/"),
        (302, "javascript:alert(1)"),
        (302, "http://redirector.example.net:25/"),
        (302, "http:\\\\127.0.0.1\\"),
        (302, "/\\127.0.0.1/"),
        (302, "http://"),
        (302, "http://printer/"),
        (302, "http://mixed.example.net/"),
        (302, "http://six.example.net/"),
        (302, "http://alias.example.net/"),
        (302, "http://self.example.net/"),
        (302, "http://93.184.216.34/"),
        (302, "/start"),
        (302, "#fragment"),
        (302, ""),
        (302, "///127.0.0.1/"),
        (302, "http:127.0.0.1"),
        (302, "http:/127.0.0.1/"),
        (302, "http://127.0.0.1:/"),
        (302, "http://169.254.169.254./"),
        (302, "http://2852039166/"),
        (302, "http://%31%32%37.0.0.1/"),
        (302, "http://[fe80::1%25eth0]/"),
        (302, "http://[64:ff9b::10.0.0.1]/"),
        (302, "http://\u{2460}\u{2461}\u{2466}.0.0.1/"),
        (302, "http://127\u{3002}0\u{3002}0\u{3002}1/"),
        (302, "http://good.example.net:0/"),
        (302, "http://good.example.net:65616/"),
        (302, "http://good.example.net\t@127.0.0.1/"),
        (302, "https://good.example.net@127.0.0.1/"),
        (302, "FILE:///etc/passwd"),
        (302, "blob:http://good.example.net/"),
        (307, "data:,x"),
        (300, "http://good.example.net/2"),
        (304, "http://good.example.net/2"),
    ];
    let allowed = [
        (301, "http://good.example.net/2"),
        (303, "//good.example.net/2"),
        (307, "?q=1"),
        (308, "real.bin"),
        (302, "http://good.example.net:8080/2#fragment"),
        (302, "HTTP://GOOD.example.net./2"),
    ];
    let cases =
        blocked.into_iter().map(|case| (case, "blocked")).chain(allowed.map(|case| (case, "allowed")));
    cases
        .enumerate()
        .map(|(number, ((status, location), expect))| redirect(number, status, location, expect))
        .collect()
}

/// A world in which every name of a case is answered, and both kinds of origin wait.
struct Stage {
    plain: Origin,
    tls: Origin,
    world: World,
    _certificates: tempfile::NamedTempFile,
}

impl Stage {
    async fn set(cases: &[Value]) -> Stage {
        let plain = Origin::start().await;
        let mut builder = Origin::builder().tls(Tls::Trusted);
        let urls = cases.iter().filter_map(|case| Url::parse(case["url"].as_str()?).ok());
        for host in
            urls.filter(|url| url.scheme() == "https").filter_map(|url| Some(url.host_str()?.to_owned()))
        {
            builder = builder.name(&host);
        }
        let tls = builder.start().await;
        let certificates = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificates.path(), authority()).unwrap();
        let world = World::with(plain.address(), |config| {
            config.fetch.ca_file = Some(certificates.path().to_owned());
            config.server.public_url = Some(format!("http://{SELF}/").parse().unwrap());
        })
        .await;
        for (name, addresses) in [
            ("good.example.net", vec![PUBLIC]),
            ("ten.example.net", vec!["10.0.0.1"]),
            ("mixed.example.net", vec![PUBLIC, "10.0.0.5"]),
            ("six.example.net", vec!["fd00::1"]),
            ("self.example.net", vec![SELF]),
        ] {
            world.dns.script(name, vec![dns::Answer::addresses(&addresses)]);
        }
        let alias = dns::Answer::Alias(vec!["db.internal".to_owned()], vec!["10.0.0.9".parse().unwrap()]);
        world.dns.script("alias.example.net", vec![alias]);
        Stage { plain, tls, world, _certificates: certificates }
    }

    /// Prepares names and routes for a case; says which addresses may be dialled for it.
    fn prepare(&self, case: &Value, url: Option<&Url>) -> BTreeSet<IpAddr> {
        let mut lawful = BTreeSet::from([PUBLIC.parse().unwrap()]);
        let Some(url) = url else { return lawful };
        let is_tls = url.scheme() == "https";
        let origin = if is_tls { &self.tls } else { &self.plain };
        self.world.redirect_dials(origin.address());
        if let Some(literal) = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok()) {
            lawful.insert(literal);
        }
        if let (Some(name), Some(steps)) = (url.domain(), case["dns"].as_array()) {
            lawful.extend(addresses(&steps[0]));
            self.world
                .dns
                .script(name.trim_end_matches('.'), steps.iter().map(|step| answer(case, step)).collect());
        }
        origin.serve(url.path(), Route::bytes("body"));
        for path in ["/2", "/real.bin", "/"] {
            origin.serve(path, Route::bytes("body"));
        }
        let mut path = url.path().to_owned();
        for hop in case["redirects"].as_array().into_iter().flatten() {
            let status = hop["status"].as_u64().unwrap() as u16;
            let Some(location) = hop["location"].as_str() else {
                origin
                    .serve(&path, Route::bytes(hop["body"].as_str().unwrap().to_owned()).with_status(status));
                continue;
            };
            // A fold, or the line end would end the header and leave a lawful Location.
            let there = Route::redirect(status, location.replace("\r\n", "\r\n "));
            // A hop to the same path with a query is answered only once more.
            let again = if location.starts_with('?') { there.clone() } else { Route::bytes("body") };
            let same = location == path || !location.starts_with('?');
            origin.serve(&path, if same { there } else { Route::bytes("body").first(1, move |_| again) });
            if let Ok(next) = url.join(location) {
                path = next.path().to_owned();
            }
        }
        lawful
    }
}

fn addresses(step: &Value) -> Vec<IpAddr> {
    let texts = step.as_array().unwrap().iter().map(|text| text.as_str().unwrap().replace("$SELF", SELF));
    texts.map(|text| text.parse().unwrap()).collect()
}

fn answer(case: &Value, step: &Value) -> dns::Answer {
    match case["cname"].as_str() {
        Some(alias) => dns::Answer::Alias(vec![alias.to_owned()], addresses(step)),
        None => dns::Answer::Addresses(addresses(step)),
    }
}

/// What an answer comes to, in the corpus' words.
fn outcome(answer: &Answer) -> String {
    if answer.status == 200 && answer.is_whole() {
        return "allowed".to_owned();
    }
    let problem = checked(answer);
    match problem["code"].as_str().unwrap() {
        "forbidden_url" | "too_many_redirects" => "blocked".to_owned(),
        "invalid_url" => "invalid".to_owned(),
        other => format!("{} {other}", answer.status),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_url_has_its_outcome() {
    let mut cases = corpus();
    assert_eq!(cases.len(), 189);
    cases.extend(siblings());
    let stage = Stage::set(&cases).await;
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        assert!(seen.insert(id), "{id} stands twice in the corpus");
        let text = case["url"].as_str().unwrap();
        let lawful = stage.prepare(case, Url::parse(text).ok().as_ref());
        stage.world.dialled();
        let descriptor = json!({ "files": [{ "url": text, "zipPath": "a" }] });
        let answer = stage.world.download(&descriptor).await;
        let is = outcome(&answer);
        let expect = case["expect"].as_str().unwrap();
        let also_ok = case["also_ok"].as_array().into_iter().flatten().any(|other| *other == json!(is));
        // A redirect that does not lead on is a status or a syntax error of the source's, and just as blocked.
        let stuck = case["category"] == "redirect" && expect == "blocked" && is.starts_with("502 source_");
        let chosen = match id {
            DATA_URL => is == "allowed",
            LINE_END => is == "502 source_protocol",
            _ => is == expect || also_ok || (stuck && id.starts_with("own-")),
        };
        let dialled: BTreeSet<IpAddr> = stage.world.dialled().iter().map(|address| address.ip()).collect();
        if is != "allowed" && case["category"] != "redirect" {
            // Names are answered anew; redirects' routes are spent.
            stage.prepare(case, Url::parse(text).ok().as_ref());
            let validation = stage.world.validate(descriptor.to_string()).await.json();
            if validation["errors"] != answer.json()["errors"] {
                wrong.push(format!("{id}: a validation says {}", validation["errors"]));
            }
        }
        if !chosen {
            wrong.push(format!("{id} {text:.80}: {is}, not {expect}: {}", case["why"]));
        }
        if !dialled.is_subset(&lawful)
            || (expect != "allowed" && case["category"] != "redirect" && !dialled.is_empty())
        {
            wrong.push(format!("{id}: dialled {dialled:?}"));
        }
        if is == "allowed" && id != DATA_URL {
            let expected = case["redirects"][0]["body"].as_str().unwrap_or("body").as_bytes();
            let entries = contents(&answer.body);
            if entries != [("a".to_owned(), expected.to_vec())] {
                wrong.push(format!("{id}: another archive"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(seen.iter().filter(|id| id.starts_with("ssrf-")).count(), 189);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_mind_is_never_followed() {
    let origin = Origin::start().await;
    // Each answer is cut, so that each piece is asked for on a new connection, with a new answer of the DNS.
    let route = Route::pattern(1, 300_000).etag("\"v1\"").first(3, |route| route.cut(50_000));
    origin.serve("/a", route);
    let world = World::start(origin.address()).await;
    let steps = [PUBLIC, "127.0.0.1", "169.254.169.254"].map(|text| dns::Answer::addresses(&[text]));
    world.dns.script("rebind.example.net", steps.to_vec());
    let answer =
        world.download(&json!({ "files": [{ "url": "http://rebind.example.net/a", "zipPath": "a" }] })).await;
    assert_eq!((answer.status, answer.is_whole()), (200, false), "the rest is at a forbidden address");
    let dialled: Vec<_> = world.dialled().iter().map(|address| address.ip().to_string()).collect();
    assert_eq!(dialled, [PUBLIC]);
}

//! The SSRF corpus, every case of it: each is judged by its text, or dialled through the scripted DNS, or is named here
//! with the place that handles it instead. A case of an unknown category or outcome fails.

use std::{collections::BTreeSet, net::IpAddr};

use serde::Deserialize;
use zipstream::egress::{Config, Error, Own, parse_url};

use super::Bench;
use crate::support::dns::Answer;

/// Decoded by the descriptor: a `data:` URL never reaches the way out, which knows no such scheme.
const DATA_URL: &str = "ssrf-205";

/// Cases whose outcome is the redirect-following fetch's.
const FOLLOWED_ELSEWHERE: &str = "redirect";

/// Where the name of this service resolves to.
const SELF: &str = "93.184.216.34";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    url: String,
    why: String,
    expect: String,
    category: String,
    #[serde(default)]
    also_ok: Vec<String>,
    #[serde(default)]
    dns: Vec<Vec<String>>,
    normalizes_to: Option<String>,
    #[serde(default)]
    assert_connects_only_to: Vec<String>,
    cname: Option<String>,
    #[serde(rename = "redirects", default)]
    _redirects: serde::de::IgnoredAny,
    #[serde(rename = "policy", default)]
    _policy: serde::de::IgnoredAny,
    #[serde(rename = "note", default)]
    _note: serde::de::IgnoredAny,
}

impl Case {
    /// Where the name server leads, lookup by lookup; names without a script in the corpus are taken for public.
    fn answers(&self) -> Vec<Answer> {
        let steps = self.dns.iter().map(|step| {
            let addresses: Vec<IpAddr> =
                step.iter().map(|text| text.replace("$SELF", SELF).parse().expect("an address")).collect();
            match &self.cname {
                Some(alias) => Answer::Alias(vec![alias.clone()], addresses),
                None => Answer::Addresses(addresses),
            }
        });
        steps.collect()
    }

    fn check(&self, outcome: &str) {
        let lawful = self.expect == outcome || self.also_ok.iter().any(|other| other == outcome);
        assert!(lawful, "{}: {} is {outcome}: {}", self.id, self.url, self.why);
    }
}

fn corpus() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/ssrf_urls.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the corpus"))
        .expect("a corpus of known shape")
}

/// Dials one case the way a source is dialled and tells what came of it. Nothing but judged addresses may be connected to.
async fn outcome(bench: &Bench, case: &Case) -> &'static str {
    let Ok(url) = parse_url(&case.url, None) else { return "invalid" };
    if let Some(expected) = &case.normalizes_to {
        assert_eq!(url.host_str(), Some(expected.as_str()), "{}", case.id);
    }
    if let Some(name) = url.domain().filter(|_| !case.dns.is_empty()) {
        bench.dns.script(name, case.answers());
    }
    let judged = bench.dialer.policy().judge_url(&url);
    let dialled = bench.dialer.dial(&url).await;
    let connected = bench.connected();
    match (judged, dialled) {
        (Ok(()), Ok(_)) => {
            let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
            let first_answer =
                case.dns.first().into_iter().flatten().map(|text| text.parse().expect("an address"));
            let lawful: Vec<IpAddr> = literal.into_iter().chain(first_answer).collect();
            assert!(connected.len() == 1 && lawful.contains(&connected[0]), "{}: {connected:?}", case.id);
            "allowed"
        }
        (judged, Err(Error::Forbidden(refusal))) => {
            assert!(connected.is_empty(), "{}: {connected:?}", case.id);
            assert!(judged.is_ok() || judged == Err(refusal), "{}: {judged:?}, then {refusal:?}", case.id);
            if refusal.is_invalid() { "invalid" } else { "blocked" }
        }
        (judged, dialled) => panic!("{}: {judged:?}, then {dialled:?}", case.id),
    }
}

#[tokio::test]
async fn every_case_has_its_outcome() {
    let own = Own { listen: vec![format!("{SELF}:80").parse().unwrap()], public_host: None };
    let bench = Bench::start(Config::default(), own).await;
    let mut seen = BTreeSet::new();
    let (mut judged, mut elsewhere) = (0, 0);
    for case in corpus() {
        assert!(seen.insert(case.id.clone()), "{} stands twice in the corpus", case.id);
        match case.category.as_str() {
            "authority" | "control" | "crlf" | "dns" | "ipv4" | "ipv4-spelling" | "ipv6" | "name"
            | "port" | "scheme" | "syntax" => {}
            FOLLOWED_ELSEWHERE => {
                elsewhere += 1;
                continue;
            }
            other => panic!("{}: nobody handles the category {other}", case.id),
        }
        judged += 1;
        if case.id == DATA_URL {
            assert_eq!(outcome(&bench, &case).await, "invalid");
        } else {
            case.check(outcome(&bench, &case).await);
        }
        for only in &case.assert_connects_only_to {
            let url = parse_url(&case.url, None).unwrap();
            bench.dns.script(url.domain().unwrap(), case.answers());
            bench.dialer.dial(&url).await.unwrap();
            assert_eq!(bench.connected(), [only.parse::<IpAddr>().unwrap()], "{}", case.id);
            let again = bench.dialer.dial(&url).await;
            assert!(
                matches!(again, Err(Error::Forbidden(_))),
                "{}: the second answer is bad: {again:?}",
                case.id
            );
        }
    }
    assert_eq!((judged, elsewhere, seen.len()), (175, 14, 189));
}

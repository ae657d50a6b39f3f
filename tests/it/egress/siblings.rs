//! What the corpus has no case of, and its like: texts that another parser would read otherwise, answers that hide a bad
//! address, names that go round in circles.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use zipstream::egress::{Config, Error, Own, Reason, parse_url};

use super::Bench;
use crate::support::dns::Answer;

const PUBLIC: &str = "93.184.215.14";

/// Refused by their text: nobody is asked for a name, nothing is dialled.
const REFUSED: &[&str] = &[
    // An IPv4 address in each of IPv6's clothes.
    "http://[::127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:FFFF:7F00:0001]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::FFFF:169.254.169.254]/",
    "http://[64:ff9b::8.8.8.8]/",
    "http://[64:ff9b:1::10.0.0.1]/",
    "http://[64:ff9b:1:ffff:ffff::1]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[2001:0:5ef5:79fb:0:59e:80ff:fffe]/",
    "http://[2a00::5efe:10.0.0.1]/",
    "http://[2a00:1:2:3:200:5efe:7f00:1]/",
    // Addresses of no public host.
    "http://[::2]/",
    "http://[1::1]/",
    "http://[2001:2::1]/",
    "http://[2001:20::1]/",
    "http://[2001:db8::1]/",
    "http://[2620:4f:8000::1]/",
    "http://[3fff:fff::1]/",
    "http://[4000::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff05::1:3]/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://198.18.0.1/",
    "http://240.0.0.1/",
    // Zones.
    "http://[fe80::1%eth0]/",
    "http://[fe80::1%251]/",
    "http://[::1%25]/",
    // Escapes.
    "http://%6c%6f%63%61%6c%68%6f%73%74/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2e/",
    "http://127.0.0.1%00/",
    "http://127.0.0.1%20/",
    "http://127.0.0.1%09/",
    "http://example.com%2f@127.0.0.1/",
    "http://example.com%23@127.0.0.1/",
    "http://127.0.0.1%2f.example.com/",
    "http://127.0.0.1%23.example.com/",
    "http://127.0.0.1%3f.example.com/",
    "http://127.0.0.1%5c.example.com/",
    "http://%5b::1%5d/",
    "http://example%252ecom/",
    // What IDNA maps.
    "http://①②⑦.⓪.⓪.①/",
    "http://127．0．0．1/",
    "http://127｡0｡0｡1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://lo\u{ad}calhost/",
    "http://localhost。/",
    "http://metadata.google。internal/",
    "http://METADATA.GOOGLE.INTERNAL./",
    "http://xn--/",
    "http://xn--a-/",
    // Numbers that are addresses to somebody.
    "http://0/",
    "http://1/",
    "http://0x/",
    "http://127.0x0.1/",
    "http://0x7F000001/",
    "http://0177.0.0.0x1/",
    "http://127.0.0.1./",
    "http://4294967295/",
    "http://4294967296/",
    "http://256.256.256.256/",
    "http://999999999999/",
    "http://example.com.127/",
    // Dots.
    "http://localhost../",
    "http://10.0.0.1../",
    "http://example.com../",
    "http://../",
    "http://.example.com/",
    "http://example.com.localhost/",
    "http://example.localhost./",
    // Ports.
    "http://127.0.0.1:/",
    "http://example.com:0/",
    "http://example.com:65535/",
    "http://example.com:65536/",
    "http://example.com:65616/",
    "http://example.com:+80/",
    "http://example.com:8 0/",
    "http://example.com:80a/",
    "http://example.com:0x50/",
    "http://example.com:٨٠/",
    "http://[2606:4700:4700::1111]:22/",
    // Whose host is it?
    "http://@127.0.0.1/",
    "http://:@127.0.0.1/",
    "http://%40@127.0.0.1/",
    "http://example.com:80@127.0.0.1:80/",
    "http://example.com@10.0.0.1#@example.com/",
    "http://example.com;@127.0.0.1/",
    "http://user%3Apass@example.com/",
    "http://127.0.0.1;example.com/",
    "http://127.0.0.1,example.com/",
    "http://127.0.0.1&@example.com/",
    "http://127.0.0.1#@example.com/",
    "http:////127.0.0.1/",
    "http:127.0.0.1/",
    "https:/10.0.0.1",
    "http:\\\\127.0.0.1\\",
    "http://example.com\\.127.0.0.1/",
    // Schemes.
    "hTTp://127.1/",
    "blob:http://example.com/x",
    "feed:http://example.com/",
    "FILE:///etc/passwd",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "wss://example.com/",
    "netdoc:///etc/passwd",
    "\u{feff}http://127.0.0.1/",
    " http://127.0.0.1/ ",
    "http://exam\u{2028}ple.com/",
];

async fn bench() -> Bench {
    Bench::start(Config::default(), Own::default()).await
}

#[tokio::test]
async fn what_the_text_gives_away_is_refused_unasked() {
    let bench = bench().await;
    let mut lenient = Vec::new();
    for text in REFUSED {
        let Ok(url) = parse_url(text, None) else { continue };
        match bench.dialer.dial(&url).await {
            Err(Error::Forbidden(_)) => {}
            other => lenient.push(format!("{text} as {url}: {other:?}")),
        }
    }
    assert!(lenient.is_empty(), "{lenient:#?}");
    assert!(bench.connected().is_empty() && bench.dns.asked().is_empty());
}

#[tokio::test]
async fn what_only_looks_odd_is_dialled() {
    let bench = bench().await;
    bench.dns.script("example.com", vec![Answer::addresses(&[PUBLIC])]);
    bench.dns.script("xn--bcher-kva.example.net", vec![Answer::addresses(&[PUBLIC])]);
    for text in [
        "http://example.com:/",
        "http://example.com./",
        "http://EX%41MPLE.com:080/",
        "http://ｅｘａｍｐｌｅ。com/",
        "https://example.com:443",
        "http://bu\u{308}cher.example.net/",
        "http://B%C3%BCcher.example.net/",
        "http://example.com/?u=http://127.0.0.1/@#[::1]",
    ] {
        bench.dialer.dial(&parse_url(text, None).unwrap()).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(bench.connected(), [PUBLIC.parse::<IpAddr>().unwrap()], "{text}");
    }
}

#[tokio::test]
async fn a_bad_address_anywhere_in_an_answer_refuses_the_name() {
    let bench = bench().await;
    let many: Vec<String> = (1..=12).map(|number| format!("93.184.215.{number}")).collect();
    for bad in [
        "::ffff:93.184.215.14",
        "::ffff:127.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "64:ff9b::5db8:d70e",
        "2002:5db8:d70e::1",
        "0.0.0.0",
        "255.255.255.255",
        "168.63.129.16",
        "100.64.0.1",
    ] {
        // Alone, and behind more addresses than are ever tried.
        let hidden: Vec<&str> = many.iter().map(String::as_str).chain([bad]).collect();
        for answer in [vec![bad], hidden] {
            bench.dns.script("sly.example.net", vec![Answer::addresses(&answer)]);
            let refused = bench.dial("http://sly.example.net/").await;
            assert!(
                matches!(&refused, Err(Error::Forbidden(refusal)) if refusal.reason == Reason::Address),
                "{answer:?}: {refused:?}"
            );
        }
    }
    assert!(bench.connected().is_empty());
}

#[tokio::test]
async fn an_alias_that_leads_back_ends() {
    let bench = bench().await;
    for (name, alias) in [("a", "b"), ("b", "a"), ("self", "self")] {
        let chain = vec![format!("{alias}.example.net")];
        bench.dns.script(&format!("{name}.example.net"), vec![Answer::Alias(chain, Vec::new())]);
    }
    let begun = Instant::now();
    for name in ["a", "self"] {
        let lost = bench.dial(&format!("http://{name}.example.net/")).await;
        assert!(matches!(lost, Err(Error::Unresolved(_))), "{name}: {lost:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(bench.dns.asked().len() < 100, "{}", bench.dns.asked().len());
}

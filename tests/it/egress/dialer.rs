//! Names, their answers, and the connections that follow.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future};
use hickory_resolver::proto::rr::RecordType;
use tokio::{io::AsyncReadExt, net::TcpListener};
use zipstream::egress::{Config, Dialer, Error, Own, Policy, Reason, Resolver, direct};

use super::{Bench, parsed, url};
use crate::support::dns::Answer;

const PUBLIC: &str = "93.184.215.14";

async fn bench() -> Bench {
    Bench::start(Config::default(), Own::default()).await
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    parsed(texts)
}

fn reason(result: Result<tokio::net::TcpStream, Error>) -> Reason {
    match result {
        Err(Error::Forbidden(refusal)) => refusal.reason,
        other => panic!("not forbidden: {other:?}"),
    }
}

#[tokio::test]
async fn a_connection_is_ready_for_small_writes() {
    let bench = bench().await;
    bench.dns.script("my_bucket.example.net", vec![Answer::addresses(&[PUBLIC])]);
    let url = url("http://My_Bucket.example.net./");
    let dialer = bench.dialer.clone();
    let stream = tokio::spawn(async move { dialer.dial(&url).await }).await.unwrap().unwrap();
    assert!(stream.nodelay().unwrap());
    assert_eq!(bench.connected(), addresses(&[PUBLIC]));
}

#[tokio::test]
async fn one_dial_asks_once_and_the_next_asks_again() {
    let bench = bench().await;
    bench
        .dns
        .script("rebind.example.net", vec![Answer::addresses(&[PUBLIC]), Answer::addresses(&["127.0.0.1"])]);
    bench.dial("http://rebind.example.net/").await.unwrap();
    assert_eq!(bench.connected(), addresses(&[PUBLIC]));
    for kind in [RecordType::A, RecordType::AAAA] {
        assert_eq!(bench.dns.lookups("rebind.example.net", kind), 1);
    }
    assert_eq!(reason(bench.dial("http://rebind.example.net/").await), Reason::Address);
    assert!(bench.connected().is_empty());
}

#[tokio::test]
async fn one_bad_address_of_several_refuses_the_name() {
    let bench = bench().await;
    for (name, bad) in [
        ("v4.example.net", "10.0.0.5"),
        ("v6.example.net", "fd00::5"),
        ("mapped.example.net", "::ffff:8.8.8.8"),
    ] {
        bench.dns.script(name, vec![Answer::addresses(&[PUBLIC, "2606:4700::1", bad])]);
        assert_eq!(reason(bench.dial(&format!("http://{name}/")).await), Reason::Address, "{name}");
    }
    assert!(bench.connected().is_empty());
}

#[tokio::test]
async fn nothing_is_asked_about_what_is_refused_or_literal() {
    let bench = bench().await;
    for text in [
        "http://localhost/",
        "http://metadata/",
        "http://example.com:22/",
        "http://u@example.com/",
        "http://2130706433/",
    ] {
        assert!(bench.dial(text).await.is_err());
    }
    bench.dial("http://1.1.1.1/").await.unwrap();
    assert_eq!(bench.connected(), addresses(&["1.1.1.1"]));
    assert!(bench.dns.asked().is_empty());
}

#[tokio::test]
async fn an_alias_is_judged_by_where_it_ends() {
    let bench = bench().await;
    let chain = || vec!["cdn.example.org".to_owned(), "edge.internal".to_owned()];
    bench.dns.script("good.example.net", vec![Answer::Alias(chain(), addresses(&[PUBLIC]))]);
    bench.dns.script("bad.example.net", vec![Answer::Alias(chain(), addresses(&["10.0.0.9"]))]);
    bench.dial("http://good.example.net/").await.unwrap();
    assert_eq!(bench.connected(), addresses(&[PUBLIC]));
    assert_eq!(reason(bench.dial("http://bad.example.net/").await), Reason::Address);
}

#[tokio::test]
async fn a_name_without_addresses_is_unresolved_for_good() {
    let bench = bench().await;
    bench.dns.script("empty.example.net", vec![Answer::Addresses(Vec::new())]);
    for name in ["missing.example.net", "empty.example.net"] {
        let error = bench.dial(&format!("http://{name}/")).await.unwrap_err();
        assert!(matches!(error, Error::Unresolved(_)) && !error.is_transient(), "{name}: {error:?}");
        assert_eq!(error.to_string(), "the host name could not be resolved");
    }
    let names: Vec<_> = bench.dns.asked().into_iter().map(|asked| asked.name).collect();
    assert!(
        names.iter().all(|name| name == "missing.example.net" || name == "empty.example.net"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_name_server_in_trouble_is_no_verdict() {
    let bench = bench().await;
    bench.dns.script("failing.example.net", vec![Answer::Failure]);
    bench.dns.script("silent.example.net", vec![Answer::Silence]);
    for name in ["failing.example.net", "silent.example.net"] {
        let began = Instant::now();
        let error = bench.dial(&format!("http://{name}/")).await.unwrap_err();
        assert!(matches!(error, Error::Unresolved(_)) && error.is_transient(), "{name}: {error:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{name} took {:?}", began.elapsed());
    }
    let slow = Answer::Delayed(Duration::from_millis(300), Box::new(Answer::addresses(&[PUBLIC])));
    bench.dns.script("slow.example.net", vec![slow]);
    bench.dial("http://slow.example.net/").await.unwrap();
    assert_eq!(bench.connected(), addresses(&[PUBLIC]));
}

#[tokio::test]
async fn one_family_is_enough() {
    let bench = bench().await;
    let began = Instant::now();
    for (name, kind, address) in [("four", RecordType::A, PUBLIC), ("six", RecordType::AAAA, "2606:4700::1")]
    {
        let answer = Answer::Only(kind, Box::new(Answer::addresses(&[address])));
        bench.dns.script(&format!("{name}.example.net"), vec![answer]);
        bench.dial(&format!("http://{name}.example.net/")).await.unwrap();
        assert_eq!(bench.connected(), addresses(&[address]));
    }
    assert!(
        began.elapsed() < Duration::from_millis(1_400),
        "silence is not waited out: {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_long_answer_is_fetched_by_tcp_and_judged_to_its_end() {
    let bench = bench().await;
    let many = |last: &str| {
        let mut texts: Vec<String> = (1..80).map(|number| format!("2606:4700::{number:x}")).collect();
        texts.push(last.to_owned());
        Answer::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
    };
    bench.dns.script("good.example.net", vec![many("2606:4700::1000")]);
    bench.dns.script("bad.example.net", vec![many("::1")]);
    bench.dial("http://good.example.net/").await.unwrap();
    assert_eq!(bench.connected().len(), 1);
    assert!(bench.dns.asked().iter().any(|asked| asked.tcp));
    assert_eq!(reason(bench.dial("http://bad.example.net/").await), Reason::Address);
}

#[tokio::test]
async fn the_families_take_turns_with_a_head_start_each() {
    let hang = |_: SocketAddr| future::pending().boxed();
    let bench = Bench::with(Config::default(), Own::default(), hang).await;
    let six = ["2606:4700::1", "2606:4700::2"];
    bench.dns.script("hanging.example.net", vec![Answer::addresses(&[six[0], six[1], PUBLIC])]);
    let waited =
        tokio::time::timeout(Duration::from_millis(400), bench.dial("http://hanging.example.net/")).await;
    assert!(waited.is_err());
    let connected = bench.connected();
    assert_eq!(connected.len(), 2, "{connected:?}");
    assert!(connected[0].is_ipv6() && connected[1] == PUBLIC.parse::<IpAddr>().unwrap());
}

#[tokio::test]
async fn a_failed_address_gives_way_at_once() {
    let refuse = |_: SocketAddr| future::ready(Err(io::ErrorKind::ConnectionRefused.into())).boxed();
    let bench = Bench::with(Config::default(), Own::default(), refuse).await;
    let texts: Vec<String> = (1..=20).map(|number| format!("93.184.215.{number}")).collect();
    bench.dns.script(
        "dead.example.net",
        vec![Answer::addresses(&texts.iter().map(String::as_str).collect::<Vec<_>>())],
    );
    let began = Instant::now();
    let error = bench.dial("http://dead.example.net/").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(240), "{:?}", began.elapsed());
    assert!(matches!(&error, Error::Unreachable(cause) if cause.kind() == io::ErrorKind::ConnectionRefused));
    assert_eq!(error.to_string(), "the host did not accept a connection");
    assert_eq!(bench.connected().len(), 8, "not every address that a name server lists is knocked at");
}

#[tokio::test]
async fn an_allowed_network_is_dialled_for_real_on_any_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = Config {
        allow: parsed(&["127.0.0.0/8", "::1/128"]),
        allow_hosts: parsed(&["localhost"]),
        ..Config::default()
    };
    let policy = Arc::new(Policy::new(&config, Own::default()));
    let dialer = Dialer::new(policy, Resolver::new(&[]).unwrap(), direct());
    for host in ["127.0.0.1", "2130706433", "localhost"] {
        let mut stream = dialer.dial(&url(&format!("http://{host}:{}/", address.port()))).await.unwrap();
        drop(listener.accept().await.unwrap());
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_interface_of_this_machine_is_the_service_itself() {
    let config = || Config { allow: parsed(&["0.0.0.0/0"]), ..Config::default() };
    let own = Own { listen: parsed(&["0.0.0.0:8080"]), public_host: None };
    let bench = Bench::start(config(), own).await;
    let Some(interface) = own_interface() else { return };
    assert_eq!(reason(bench.dial(&format!("http://{interface}:8080/")).await), Reason::Own);
    bench.dial(&format!("http://{interface}:8081/")).await.unwrap();
    bench.dial(&format!("http://{PUBLIC}:8080/")).await.unwrap();
}

/// The address that this machine would speak from, if it has a network at all.
fn own_interface() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect((PUBLIC, 80)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}

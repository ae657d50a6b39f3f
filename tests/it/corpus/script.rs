//! The `source` of a case, read as what the scripted origin, the DNS and the dialled port do.
//!
//! A member that nobody plays fails the test: no case passes because its misbehaviour was never acted out.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use zipstream::config::Config;

use super::{World, hurried};
use crate::support::dns;
use crate::support::origin::{self, Event, Head, Origin, Route, Tls, authority, pattern};

/// A source that is ready to misbehave.
pub(super) struct Script {
    pub(super) origin: Origin,
    pub(super) world: World,
    /// What the entry holds when the archive is whole.
    pub(super) body: Vec<u8>,
    /// Keeps the file of certificates.
    _certificates: tempfile::NamedTempFile,
}

/// The path that every case asks for.
const PATH: &str = "/a.txt";

impl Script {
    /// Plays a case's source.
    pub(super) async fn play(case: &Value) -> Script {
        let source = &case["source"];
        let tls = source["tls"].as_str();
        let builder = Origin::builder().name("src.example.net");
        let origin = match tls {
            None | Some("none") => builder.start().await,
            Some(kind) => builder.tls(certificate(kind)).start().await,
        };
        let certificates = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificates.path(), authority()).unwrap();
        let change = |config: &mut Config| {
            hurried(config);
            config.fetch.ca_file = Some(certificates.path().to_owned());
            config.server.public_url = Some("http://zip.example.com/".parse().unwrap());
            if let Some(limit) = source["limit"].as_u64() {
                config.tiers.anonymous.archive_size.0 = limit;
            }
            if source["dribble"] == true {
                // Slower than the rate, faster than the silence.
                config.fetch.min_rate.0 = 1 << 20;
                config.fetch.min_rate_window = Duration::from_millis(400);
            }
        };
        let world = World::with(origin.address(), change).await;
        if source["refuse"] == true {
            world.redirect_dials(origin::refused().await);
        }
        if tls == Some("none") {
            world.redirect_dials(plain_server().await);
        }
        if let Some(kind) = source["dns"].as_str() {
            world.dns.script("src.example.net", vec![name_server(kind)]);
        }
        let content = content(source);
        serve(&origin, source, content.clone());
        let told = source["content_length"].as_u64().unwrap_or(u64::MAX);
        let body = content.into_iter().take(told.try_into().unwrap_or(usize::MAX)).collect();
        Script { origin, world, body, _certificates: certificates }
    }
}

/// Builds a case's descriptor: over TLS where the source speaks it, with enough files where only many make the case.
pub(super) fn descriptor(case: &Value, world: &World) -> Value {
    let source = &case["source"];
    let mut text = case["body"].to_string();
    if source["tls"].is_string() && source["tls"] != "unexpected" {
        text = text.replace("http://src", "https://src");
    }
    if source["url"] == "$SELF" && !text.contains("zip.example.com") {
        text = text.replace("http://src.example.net/a.txt", &world.app.url("/api/downloads"));
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    if source["each_bytes"].is_number() {
        let url = document["files"][0]["url"].clone();
        let files = (0..6).map(|index| serde_json::json!({ "url": url, "zipPath": index.to_string() }));
        document["files"] = files.collect();
    }
    document
}

/// The bytes behind the URL.
fn content(source: &Value) -> Vec<u8> {
    if let Some(text) = source["body"].as_str() {
        return text.as_bytes().to_vec();
    }
    match source["body_file"].as_str() {
        Some("nested.zip") => super::nested_zip(),
        Some("signatures") => b"PK\x03\x04PK\x07\x08PK\x01\x02PK\x05\x06PK\x06\x06".repeat(10_000),
        Some(other) => panic!("nobody knows the file {other}"),
        None => {
            let needed = if source["cut"].is_string() || source["hang"] == "body" || source["dribble"] == true
            {
                Some(1000)
            } else {
                // As many as a bomb of 1,000:1 has on the wire.
                source["gzip_bomb_bytes"].as_u64().map(|octets| octets / 1000)
            };
            match source["body_bytes"].as_u64().or(needed) {
                Some(octets) => pattern(1, 0..octets),
                None => b"body".to_vec(),
            }
        }
    }
}

/// Serves the route that the source describes.
fn serve(origin: &Origin, source: &Value, content: Vec<u8>) {
    let mut route = match source["each_bytes"].as_u64() {
        Some(octets) => Route::pattern(1, octets),
        None => Route::bytes(content),
    };
    let members = source.as_object().unwrap();
    // What passes after the first request deviates from all that is said before.
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(name, _)| ["cut", "fail_first"].contains(&name.as_str()));
    for (name, value) in ordered {
        let number = value.as_u64().unwrap_or_default();
        let text = value.as_str().unwrap_or_default();
        route = match name.as_str() {
            "status" => route.with_status(number as u16),
            "headers" => headers(route, value),
            "raw_headers" => raw_headers(route, value),
            // Without ranges, or the lengths would contradict those, which is another case.
            "content_length" => route.claims(number).ignores_ranges(),
            "chunked" => route.chunks_of(400).ignores_ranges(),
            "until_close" => route.until_close().ignores_ranges(),
            "http10" => route.http10(),
            "etag" => route.etag(text),
            "cut" => cut(route, text, members.contains_key("chunked")),
            "hang" => hang(route, text, source["after_bytes"].as_u64()),
            "fail" => route.head(broken_head(text)),
            "fail_first" if text == "503" => route.first(1, |_| Route::status(503)),
            "fail_first" => route.first(1, |route| route.head(broken_head(text))),
            "fail_index" => fail_one(route, number as usize),
            "interim" => {
                let statuses: Vec<u16> =
                    value.as_array().unwrap().iter().map(|it| it.as_u64().unwrap() as u16).collect();
                route.interim(&statuses)
            }
            "trailers" => {
                let members = value.as_object().unwrap().iter();
                members.fold(route, |route, (name, value)| route.trailer(name, value.as_str().unwrap()))
            }
            "chunk_extension_bytes" => route.chunked().chunk_extension(number as usize),
            "header_bytes" => route.huge_header(number as usize),
            "many_headers" => (0..number).fold(route, |route, index| route.header(format!("X-{index}"), "1")),
            "drip_headers" => route.head(Head::Dripping),
            "dribble" => route.dribble(10, Duration::from_millis(50)),
            "raw" => Route::raw(text.as_bytes().to_vec()),
            "redirects" => {
                origin.serve("/end", route);
                origin.serve_chain(PATH, number as usize, "/end");
                return;
            }
            // Said elsewhere: in the content, the configuration, the descriptor, the DNS or the dialled port.
            "body" | "body_bytes" | "body_file" | "gzip_bomb_bytes" | "each_bytes" | "limit" | "tls"
            | "refuse" | "dns" | "url" | "after_bytes" => route,
            other => panic!("nobody plays {other}"),
        };
    }
    origin.serve(PATH, route);
}

fn headers(route: Route, members: &Value) -> Route {
    let members = members.as_object().unwrap().iter();
    members.fold(route, |route, (name, value)| route.header(name, value.as_str().unwrap()))
}

/// Header lines as they are; those that frame the body replace the origin's own.
fn raw_headers(route: Route, lines: &Value) -> Route {
    let lines: Vec<(&str, &str)> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().split_once(':').unwrap())
        .collect();
    let frames =
        |name: &str| ["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str());
    let is_framed = lines.iter().any(|(name, _)| frames(name));
    let route = if is_framed { route.until_close().ignores_ranges() } else { route };
    lines.into_iter().fold(route, |route, (name, value)| route.header(name, value.trim()))
}

fn cut(route: Route, how: &str, chunked: bool) -> Route {
    match how {
        "mid-chunk" => route.cut(500),
        "between-chunks" => route.cut(800),
        "before-last-chunk" => route.cut(1000),
        "invalid-chunk" => route.at(800, Event::InvalidChunk),
        "plain" => route.cut(200_000),
        "once" => route.first(1, |route| route.cut(200_000)),
        "reset" => route.reset(500),
        other => panic!("nobody cuts {other} (chunked: {chunked})"),
    }
}

fn hang(route: Route, place: &str, after: Option<u64>) -> Route {
    match place {
        "head" => route.head(Head::Hung),
        "within-head" => route.head(Head::HungWithin),
        "body" => route.hang(after.unwrap()),
        other => panic!("nobody hangs in the {other}"),
    }
}

fn broken_head(how: &str) -> Head {
    match how {
        "rst" => Head::Reset,
        "fin" => Head::Closed,
        other => panic!("nobody breaks by {other}"),
    }
}

/// One of many requests is answered 404.
fn fail_one(route: Route, failing: usize) -> Route {
    Route::by(move |_, nth| if nth == failing { Route::status(404) } else { route.clone() })
}

/// Starts a server that answers a TLS handshake as HTTP servers do.
async fn plain_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await);
        }
    });
    address
}

fn certificate(kind: &str) -> Tls {
    match kind {
        "silent" => Tls::Silent,
        "expired" => Tls::Expired,
        "wrong-name" => Tls::WrongName,
        "self-signed" => Tls::SelfSigned,
        "trusted" | "unexpected" => Tls::Trusted,
        other => panic!("nobody has a certificate {other}"),
    }
}

fn name_server(kind: &str) -> dns::Answer {
    match kind {
        "slow" => {
            dns::Answer::Delayed(Duration::from_secs(30), Box::new(dns::Answer::addresses(&[super::PUBLIC])))
        }
        "missing" => dns::Answer::Missing,
        "failure" => dns::Answer::Failure,
        "silence" => dns::Answer::Silence,
        "empty" => dns::Answer::Addresses(Vec::new()),
        other => panic!("no name server answers {other}"),
    }
}

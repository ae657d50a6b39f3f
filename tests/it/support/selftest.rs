//! The tests of the test support: a scripted server that does not do what is said of it proves nothing.

use std::time::{Duration, Instant};

use super::client::{Abort, Connection, Ended, Request, http2, raw};
use super::origin::{Event, Gate, Head, Origin, Route, Tls, authority, pattern, refused};

const MODIFIED: &str = "Mon, 02 Nov 2026 10:00:00 GMT";

fn versioned() -> Route {
    Route::pattern(1, 100_000).etag("\"v1\"").last_modified(MODIFIED)
}

#[tokio::test]
async fn ranges_and_conditions_are_answered_as_a_good_server_does() {
    let origin = Origin::start().await;
    origin.serve("/a", versioned());
    origin.serve("/weak", versioned().etag("W/\"v1\""));
    origin.serve("/empty", Route::bytes(""));
    type Case = (&'static str, &'static [(&'static str, &'static str)], u16, Option<&'static str>, usize);
    let cases: &[Case] = &[
        ("/a", &[], 200, None, 100_000),
        ("/a?q=1", &[("Range", "bytes=10-19")], 206, Some("bytes 10-19/100000"), 10),
        ("/a", &[("Range", "bytes=99990-")], 206, Some("bytes 99990-99999/100000"), 10),
        ("/a", &[("Range", "bytes=-7")], 206, Some("bytes 99993-99999/100000"), 7),
        ("/a", &[("Range", "bytes=100000-")], 416, Some("bytes */100000"), 0),
        ("/a", &[("Range", "bytes=5-"), ("If-Match", "\"v1\"")], 206, Some("bytes 5-99999/100000"), 99_995),
        ("/a", &[("Range", "bytes=5-"), ("If-Match", "\"v2\"")], 412, None, 0),
        ("/weak", &[("Range", "bytes=5-"), ("If-Match", "W/\"v1\"")], 412, None, 0),
        ("/a", &[("Range", "bytes=5-6"), ("If-Range", "\"v2\"")], 200, None, 100_000),
        ("/a", &[("If-Unmodified-Since", MODIFIED)], 200, None, 100_000),
        ("/a", &[("If-Unmodified-Since", "Sun, 01 Nov 2026 10:00:00 GMT")], 412, None, 0),
        ("/a", &[("If-None-Match", "\"v1\"")], 304, None, 0),
        ("/empty", &[("Range", "bytes=0-0")], 416, Some("bytes */0"), 0),
        ("/nowhere", &[], 404, None, 0),
    ];
    for (path, headers, status, range, length) in cases {
        let mut request = Request::get(origin.address(), path);
        for (name, value) in *headers {
            request = request.header(name, value);
        }
        let answer = request.send().await;
        let seen = (answer.status, answer.header("content-range"), answer.body.len(), answer.ended.clone());
        assert_eq!(seen, (*status, *range, *length, Ended::Whole), "{path} {headers:?}");
    }
    assert_eq!(origin.requests_to("/a")[1].header("range"), Some("bytes=10-19"));
    origin.until("closed", |origin| origin.open() == 0).await;
}

#[tokio::test]
async fn the_client_tells_how_a_body_ended() {
    let origin = Origin::start().await;
    let closed = || Ended::Aborted(Abort::Closed);
    let chunked = Route::pattern(2, 1000).chunks_of(100);
    let cases = [
        (Route::pattern(2, 1000), 1000, Ended::Whole),
        (Route::pattern(2, 1000).cut(500), 500, closed()),
        (Route::pattern(2, 1000).claims(1001), 1000, closed()),
        (Route::pattern(2, 1000).claims(999), 999, Ended::Whole),
        (Route::pattern(2, 1000).reset(500), 500, Ended::Aborted(Abort::Reset)),
        (Route::pattern(2, 1000).until_close(), 1000, Ended::Whole),
        (Route::pattern(2, 1000).until_close().reset(10), 10, Ended::Aborted(Abort::Reset)),
        (chunked.clone().trailer("X-A", "1").chunk_extension(5000), 1000, Ended::Whole),
        (chunked.clone().cut(1000), 1000, closed()),
        (chunked.clone().cut(250), 250, closed()),
        (
            chunked.clone().at(200, Event::InvalidChunk),
            200,
            Ended::Aborted(Abort::Malformed("chunk head \"no chunk\"".to_owned())),
        ),
        (Route::status(204), 0, Ended::Whole),
        (Route::bytes("x").interim(&[103]).huge_header(100_000), 1, Ended::Whole),
        (Route::raw("hello"), 0, Ended::Aborted(Abort::Closed)),
        (Route::raw("hello\n"), 0, Ended::Aborted(Abort::Malformed("status line \"hello\"".to_owned()))),
        (Route::bytes("x").head(Head::Closed), 0, closed()),
        (Route::bytes("x").head(Head::Reset), 0, Ended::Aborted(Abort::Reset)),
    ];
    for (index, (route, length, ended)) in cases.into_iter().enumerate() {
        let path = format!("/{index}");
        origin.serve(&path, route);
        let answer = Request::get(origin.address(), &path).send().await;
        assert_eq!(answer.ended, ended, "case {index}");
        let expected = if answer.body == b"x" { b"x".to_vec() } else { pattern(2, 0..length) };
        assert_eq!(answer.body, expected, "case {index}");
    }
}

#[tokio::test]
async fn deviations_pass_after_the_first_requests() {
    let origin = Origin::start().await;
    let cut = |route: Route| route.cut(10);
    let route = Route::bytes("x".repeat(100)).first(1, |_| Route::status(503).header("Retry-After", "1"));
    origin.serve("/a", route.first(2, cut));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = Request::get(origin.address(), "/a").send().await;
        seen.push((answer.status, answer.body.len()));
    }
    assert_eq!(seen, [(503, 0), (200, 10), (200, 10), (200, 100)]);
    origin.serve("/by", Route::by(|request, nth| Route::bytes(format!("{} {nth}", request.method))));
    assert_eq!(Request::get(origin.address(), "/by").send().await.body, b"GET 0");
    origin.serve_chain("/hop", 3, "/a");
    for (path, next) in [("/hop", "/hop/1"), ("/hop/1", "/hop/2"), ("/hop/2", "/a")] {
        let answer = Request::get(origin.address(), path).send().await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(next)));
    }
}

#[tokio::test]
async fn silence_ends_when_the_client_hangs_up_or_the_gate_opens() {
    let origin = Origin::start().await;
    let gate = Gate::closed();
    origin.serve("/head", Route::bytes("x").head(Head::Hung));
    origin.serve("/within", Route::bytes("x").head(Head::HungWithin));
    origin.serve("/drip", Route::bytes("x").head(Head::Dripping));
    origin.serve("/body", Route::pattern(1, 1000).hang(500));
    origin.serve("/gate", Route::pattern(1, 1000).gate(500, &gate));
    for path in ["/head", "/within", "/drip", "/body"] {
        let request = Request::get(origin.address(), path);
        let hung = tokio::time::timeout(Duration::from_millis(100), request.send()).await;
        assert!(hung.is_err(), "{path}");
    }
    origin.until("closed", |origin| origin.open() == 0).await;
    let mut reading = Request::get(origin.address(), "/gate").open().await;
    assert_eq!(reading.take(500).await.len(), 500);
    assert_eq!((origin.answering(), origin.open()), (1, 1));
    gate.open();
    assert_eq!(reading.finish().await.body, pattern(1, 500..1000));
    assert_eq!((origin.accepted(), origin.sent_for("/gate"), origin.sent()), (5, 1000, 1500));
}

#[tokio::test]
async fn rates_hold_on_both_sides() {
    let origin = Origin::builder().send_buffer(4 << 10).start().await;
    origin.serve("/slow", Route::pattern(1, 3000).rate(10_000).delay(Duration::from_millis(50)));
    let start = Instant::now();
    assert!(Request::get(origin.address(), "/slow").send().await.is_whole());
    assert!(start.elapsed() > Duration::from_millis(300), "{:?}", start.elapsed());
    origin.serve("/fast", Route::pattern(1, 4 << 20));
    let mut reading = Request::get(origin.address(), "/fast").rate(20_000).open().await;
    let start = Instant::now();
    assert_eq!(reading.take(8000).await, pattern(1, 0..8000));
    assert!(start.elapsed() > Duration::from_millis(300), "{:?}", start.elapsed());
    assert!(origin.sent_for("/fast") < 1 << 20, "{}", origin.sent_for("/fast"));
    drop(reading);
    origin.until("closed", |origin| origin.open() == 0).await;
}

#[tokio::test]
async fn connections_are_kept_and_reset_as_scripted() {
    let origin = Origin::builder().reset_after(2).start().await;
    origin.serve("/a", Route::bytes("abc"));
    let request = Request::get(origin.address(), "/a").bytes();
    let mut connection = Connection::open(origin.address()).await;
    connection.send(&[request.clone(), request.clone()].concat()).await;
    let (first, connection) = connection.answer("GET").await;
    let (second, connection) = connection.unwrap().answer("GET").await;
    assert_eq!((first.body, second.body), (b"abc".to_vec(), b"abc".to_vec()));
    let mut connection = connection.unwrap();
    connection.send(&request).await;
    assert_eq!(connection.drain().await, (Vec::new(), Ended::Aborted(Abort::Reset)));
    assert_eq!(origin.requests().iter().map(|request| request.connection).collect::<Vec<_>>(), [0, 0, 0]);
    let (bytes, ended) = raw(origin.address(), b"nonsense\r\n\r\n").await;
    assert_eq!((bytes.len(), ended), (0, Ended::Whole));
    assert!(tokio::net::TcpStream::connect(refused().await).await.is_err());
}

#[tokio::test]
async fn dropping_the_origin_closes_everything() {
    let origin = Origin::start().await;
    origin.serve("/a", Route::pattern(1, 1000).hang(500));
    let address = origin.address();
    let mut reading = Request::get(address, "/a").open().await;
    assert_eq!(reading.take(500).await.len(), 500);
    drop(origin);
    assert_ne!(reading.finish().await.ended, Ended::Whole);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

/// A server that ends its HTTP/2 streams as the path says.
async fn http2_server() -> std::net::SocketAddr {
    use bytes::Bytes;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service =
                hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                    let mut frames = vec![Ok(Frame::data(Bytes::from_static(b"abc")))];
                    if request.uri().path() == "/reset" {
                        frames.push(Err(std::io::Error::other("broken")));
                    }
                    Ok::<_, std::io::Error>(http::Response::new(StreamBody::new(futures_util::stream::iter(
                        frames,
                    ))))
                });
            let executor = hyper_util::rt::TokioExecutor::new();
            let builder = hyper::server::conn::http2::Builder::new(executor);
            tokio::spawn(builder.serve_connection(hyper_util::rt::TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test]
async fn the_http2_client_tells_a_reset_stream_from_a_whole_one() {
    let mut connection = http2::Connection::open(http2_server().await).await;
    let answer = connection.send(connection.request("GET", "/whole", "")).await;
    assert_eq!((answer.status, answer.body.as_slice(), answer.ended), (200, b"abc".as_slice(), Ended::Whole));
    let answer = connection.send(connection.request("GET", "/reset", "")).await;
    assert!(matches!(answer.ended, Ended::Aborted(Abort::StreamReset(_))), "{:?}", answer.ended);
}

/// Fetches over TLS as a client that trusts the tests' authority; says what the client says of the certificate.
async fn fetch_tls(origin: &Origin, host: &'static str) -> Result<Vec<u8>, String> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let tcp = tokio::net::TcpStream::connect(origin.address()).await.unwrap();
    let mut stream = connector
        .connect(ServerName::try_from(host).unwrap(), tcp)
        .await
        .map_err(|error| error.to_string())?;
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // Without close_notify this is an error of its own.
    stream.read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[tokio::test]
async fn certificates_are_as_good_or_bad_as_said() {
    for (tls, host, expected) in [
        (Tls::Trusted, "127.0.0.1", Ok(b"\r\n\r\nabc")),
        (Tls::Trusted, "src.example.net", Ok(b"\r\n\r\nabc")),
        (Tls::Trusted, "elsewhere.example.net", Err("not valid for name")),
        (Tls::Expired, "127.0.0.1", Err("certificate expired")),
        (Tls::WrongName, "127.0.0.1", Err("not valid for name")),
        (Tls::SelfSigned, "127.0.0.1", Err("UnknownIssuer")),
    ] {
        let origin = Origin::builder().tls(tls).name("src.example.net").start().await;
        assert!(origin.serve("/a", Route::bytes("abc").closes()).starts_with("https://127.0.0.1:"));
        let seen = fetch_tls(&origin, host).await;
        let holds = match (&seen, expected) {
            (Ok(bytes), Ok(end)) => bytes.ends_with(end),
            (Err(error), Err(text)) => error.contains(text),
            _ => false,
        };
        assert!(holds, "{tls:?} {host}: {seen:?}");
    }
    let cut = Origin::start_tls(Tls::Trusted).await;
    cut.serve("/a", Route::pattern(1, 1000).until_close().cut(10));
    assert!(fetch_tls(&cut, "127.0.0.1").await.is_err(), "a cut shows as a missing close_notify");
    let silent = Origin::start_tls(Tls::Silent).await;
    let fetch = fetch_tls(&silent, "127.0.0.1");
    assert!(tokio::time::timeout(Duration::from_millis(100), fetch).await.is_err());
    silent.until("closed", |origin| origin.open() == 0).await;
}

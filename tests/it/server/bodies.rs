//! The bodies of requests take no more memory together than they may, and long ones do not keep short ones out.

use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use zipstream::{
    app::{App, Overrides},
    config::{Sources, load},
};

use super::*;

const SHORT: &str = r#"{"files":[{"url":"data:,hello","zipPath":"hello.txt"}]}"#;

/// Takes three bodies of 200 KB at once, and the beginnings of twelve.
async fn service() -> Running {
    let environment = [
        ("SERVER__BODY_LIMIT", "200KB"),
        ("SERVER__BODIES_TOTAL", "800KB"),
        ("SERVER__BODY_TIMEOUT", "8s"),
        ("TIERS__ANONYMOUS__ARCHIVES_PER_HOUR", "1000"),
    ];
    let environment = environment.map(|(name, value)| (format!("ZIPSTREAM__{name}"), value.to_owned()));
    let loaded = load(&Sources { environment: environment.to_vec(), ..Sources::default() }).unwrap();
    let app = App::build(&loaded.config, &[], Overrides::default()).unwrap();
    Running::start(app.router, config()).await
}

fn post(length: usize, body: &str) -> String {
    format!(
        "POST /api/downloads HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Asserts that an answer is the refusal that says when to come again.
fn assert_overloaded(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"overloaded\""), "{answer}");
    assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
}

/// Waits until a whole body of the greatest length is read again.
async fn until_there_is_room(service: &Running) {
    let whole = post(200_000, &"x".repeat(200_000));
    let wait = async {
        while !service.ask(&whole).await.contains("\"invalid_json\"") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn long_bodies_that_do_not_end_are_bounded_together() {
    let service = service().await;
    let unfinished = post(200_000, &"x".repeat(199_000));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.send(&unfinished).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let begun = Instant::now();
    assert_overloaded(&service.ask(&unfinished).await);
    for _ in 0..20 {
        assert!(service.ask(&post(SHORT.len(), SHORT)).await.starts_with("HTTP/1.1 200 "));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(held);
    until_there_is_room(&service).await;
}

#[tokio::test]
async fn the_streams_of_one_connection_are_bounded_too() {
    let service = service().await;
    let io = TokioIo::new(service.connect().await);
    let (send, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let piece = Bytes::from_static(&[b'x'; 10_000]);
        let pieces = futures_util::stream::iter(
            (0..19).map(move |_| Ok::<_, std::io::Error>(Frame::data(piece.clone()))),
        );
        let body = StreamBody::new(pieces.chain(futures_util::stream::pending()));
        let (mut send, request) =
            (send.clone(), http::Request::post("http://x/api/downloads").body(body).unwrap());
        streams.spawn(async move { send.send_request(request).await.unwrap() });
    }
    for _ in 0..5 {
        let answer = timeout(Duration::from_secs(4), streams.join_next()).await.unwrap().unwrap().unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
    }
    connection.abort();
    drop((send, streams));
    until_there_is_room(&service).await;
}

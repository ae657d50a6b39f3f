//! Limits of the connection loop.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

async fn impatient(max_connections: usize) -> Running {
    let config = Config { header_timeout: Duration::from_millis(300), max_connections, ..config() };
    Running::start(Router::new().route("/", get(async || "hello")), config).await
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_refused_at_once() {
    let service = Running::start(
        Router::new().route("/", get(async || "hello")),
        Config { max_connections: 1, ..config() },
    )
    .await;
    let mut held = service.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut held, "hello").await;
    let begun = Instant::now();
    for request in ["", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let answer = service.ask(request).await;
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], "overloaded");
    }
    assert!(begun.elapsed() < Duration::from_millis(900));

    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = service.ask("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn every_connection_of_a_burst_beyond_the_limit_is_told() {
    let service = Running::start(
        Router::new().route("/", get(async || "hello")),
        Config { max_connections: 4, ..config() },
    )
    .await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(service.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await);
    }
    for stream in &mut held {
        until(stream, "hello").await;
    }
    let request =
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n{}", "x".repeat(30_000));
    let surplus = async || {
        let mut stream = service.send(&request).await;
        let mut answer = Vec::new();
        // However the connection ends: the answer was there before.
        _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        // Nobody leaves before all were told.
        (stream, String::from_utf8(answer).unwrap())
    };
    for (_, answer) in futures_util::future::join_all((0..150).map(|_| surplus())).await {
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_sends_no_whole_head_is_dropped() {
    for start in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: "] {
        let service = impatient(10).await;
        let begun = Instant::now();
        let mut stream = service.send(start).await;
        let mut scrap = Vec::new();
        // A reset counts as well: it was dropped.
        _ = timeout(PATIENCE, stream.read_to_end(&mut scrap)).await.unwrap();
        assert!((250..1500).contains(&begun.elapsed().as_millis()), "{start:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_pause_between_requests_ends_the_connection() {
    let service = impatient(10).await;
    let answer = service.ask("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_pause_between_requests_ends_an_http_2_connection() {
    let pieces = || {
        let late = futures_util::stream::once(async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            piece("late")
        });
        futures_util::stream::iter([piece("early ")]).chain(late)
    };
    let config = Config { header_timeout: Duration::from_millis(300), ..config() };
    let service = Running::start(answering(None, &Gone::default(), pieces), config).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::get("http://x/").body(Empty::<Bytes>::new()).unwrap();
        let answer = send.send_request(request).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(answer.to_bytes(), "early late", "an answer that takes its time is no pause");
    }
    let begun = Instant::now();
    // The client keeps its side: it answers what the server asks, and would go on.
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
    assert!((250..1500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    drop(send);
}

#[tokio::test]
async fn an_http_2_client_that_does_not_take_the_end_of_an_answer_is_cut_off() {
    let whole = || futures_util::stream::iter([Ok(Bytes::from_static(&[7; 48 << 10]))]);
    let clock = Duration::from_millis(300);
    let config = Config { header_timeout: clock, write_stall_timeout: clock, ..config() };
    let service = Running::start(answering(None, &Gone::default(), whole), config).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(clock / 8)
        .initial_stream_window_size(1024)
        .handshake(io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(Empty::<Bytes>::new()).unwrap();
    let begun = Instant::now();
    let unread = send.send_request(request).await.unwrap();
    _ = timeout(PATIENCE, connection).await.unwrap().unwrap();
    assert!((550..3000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    drop(unread);
}

//! The end of the process: what runs goes on, what is new is refused, what lasts too long is cut off.

use futures_util::stream;
use zipstream::{
    app::{App, Overrides},
    config::{Sources, load},
};

use super::*;

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_running_download_is_finished() {
    let pieces = || {
        let late = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            piece("second")
        };
        stream::iter([piece("first ")]).chain(stream::once(late))
    };
    let mut service = Running::start(answering(None, &Gone::default(), pieces), config()).await;
    let mut stream = service.send(REQUEST).await;
    until(&mut stream, "first ").await;
    let idle = service.connect().await;
    service.end.cancel();
    assert!(rest(&mut stream).await.ends_with("second\r\n0\r\n\r\n"));
    assert!(service.ended().await < Duration::from_secs(2));
    drop(idle);
}

#[tokio::test]
async fn what_outlives_the_deadline_is_cut_off() {
    let gone = Gone::default();
    let config = Config { drain_timeout: Duration::from_millis(200), ..config() };
    let pieces = || stream::iter([piece("first ")]).chain(stream::pending());
    let mut service = Running::start(answering(None, &gone, pieces), config).await;
    let mut stream = service.send(REQUEST).await;
    until(&mut stream, "first \r\n").await;
    service.end.cancel();
    assert!((200..2000).contains(&service.ended().await.as_millis()));
    assert!(gone.is(), "the archive outlived the server");
    assert_eq!(rest(&mut stream).await, "", "no last chunk");
}

#[tokio::test]
async fn an_http_2_download_is_cut_off_with_everything_it_holds() {
    let gone = Gone::default();
    let config = Config { drain_timeout: Duration::from_millis(200), ..config() };
    let mut service = Running::start(answering(None, &gone, stream::pending), config).await;
    let io = hyper_util::rt::TokioIo::new(service.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let answer = send.send_request(request).await.unwrap();
    service.end.cancel();
    service.ended().await;
    assert!(gone.is(), "the archive outlived the server");
    drop(answer);
}

#[tokio::test]
async fn new_connections_learn_that_the_service_drains() {
    let app = App::build(&load(&Sources::default()).unwrap().config, &[], Overrides::default()).unwrap();
    let running =
        answering(None, &Gone::default(), || stream::iter([piece("first ")]).chain(stream::pending()));
    let mut service = Running::start(app.router.merge(running), config()).await;
    let ready = "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(service.ask(ready).await.starts_with("HTTP/1.1 200 "));

    let mut stream = service.send(REQUEST).await;
    until(&mut stream, "first ").await;
    app.draining.cancel();
    service.end.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let answer = service.ask(ready).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"draining\""), "{answer}");
    let post = "POST /api/downloads HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let answer = service.ask(post).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    // One that keeps its connection open does not hold the end up.
    let mut kept = service.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(&mut kept).await.starts_with("HTTP/1.1 200 "));
    drop(stream);
    assert!(service.ended().await < Duration::from_secs(2));
}

/// Its client tells how much more it takes until it has all; a close that finds some of that unread is a reset, and takes
/// away what the kernel has not sent yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_running_stream_reaches_a_slow_reader() {
    const LENGTH: usize = 256 << 14;
    let pieces = || futures_util::stream::iter((0..256).map(|_| Ok(Bytes::from_static(&[7; 1 << 14]))));
    let service = Running::start(answering(None, &Gone::default(), pieces), config()).await;
    let io = hyper_util::rt::TokioIo::new(buffered(service.address, 4096));
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::Builder::new(executor)
        .adaptive_window(false)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let mut body = send.send_request(request).await.unwrap().into_body();
    service.end.cancel();
    let mut length = 0;
    while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
        length +=
            frame.unwrap_or_else(|error| panic!("{error} after {length} octets")).data_ref().unwrap().len();
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    assert_eq!(length, LENGTH);
}

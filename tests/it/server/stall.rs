//! A reader that takes nothing loses its connection; one that is merely slow keeps it.

use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

const STALL: Duration = Duration::from_secs(1);

fn impatient() -> Config {
    Config { write_stall_timeout: STALL, ..config() }
}

/// A socket whose receive buffer is small, so that what a reader takes shows at once.
async fn narrow(address: SocketAddr) -> TcpStream {
    asking(address, 4096).await
}

/// A socket that takes about so many octets of the answer unread.
async fn asking(address: SocketAddr, octets: usize) -> TcpStream {
    let mut stream = buffered(address, octets);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let gone = Gone::default();
    let service = Running::start(answering(None, &gone, endless), impatient()).await;
    let begun = Instant::now();
    let stream = narrow(service.address).await;
    gone.come().await;
    assert!(begun.elapsed() >= STALL && begun.elapsed() < 3 * STALL, "{:?}", begun.elapsed());
    drop(stream);
}

#[tokio::test]
async fn a_slow_reader_is_kept() {
    let gone = Gone::default();
    let service = Running::start(answering(None, &gone, endless), impatient()).await;
    let mut stream = narrow(service.address).await;
    // So slow that a third of a send buffer of megabytes, which makes a socket writable again, takes far longer
    // than the server's patience.
    let mut scrap = [0; 4096];
    let begun = Instant::now();
    while begun.elapsed() < 4 * STALL {
        stream.read_exact(&mut scrap).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert!(!gone.is(), "cut off after {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_reader_whose_source_is_slow_is_kept() {
    let gone = Gone::default();
    let pieces = || futures_util::stream::iter([piece("first ")]).chain(futures_util::stream::pending());
    let service = Running::start(answering(None, &gone, pieces), impatient()).await;
    let stream = narrow(service.address).await;
    tokio::time::sleep(3 * STALL).await;
    assert!(!gone.is());
    drop(stream);
}

#[tokio::test]
async fn an_http_2_reader_that_keeps_its_window_shut_is_cut_off() {
    let gone = Gone::default();
    let service = Running::start(answering(None, &gone, endless), impatient()).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(STALL / 8)
        .keep_alive_while_idle(true)
        .handshake(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let begun = Instant::now();
    let unread = send.send_request(request).await.unwrap();
    gone.come().await;
    assert!(begun.elapsed() >= STALL && begun.elapsed() < 3 * STALL, "{:?}", begun.elapsed());
    drop(unread);
}

#[tokio::test]
async fn a_reader_that_was_fast_is_kept_while_it_takes_anything() {
    let gone = Gone::default();
    let service = Running::start(answering(None, &gone, endless), impatient()).await;
    let mut stream = asking(service.address, 128 << 10).await;
    let mut scrap = vec![0; 64 << 10];
    for _ in 0..20 << 4 {
        stream.read_exact(&mut scrap).await.unwrap();
    }
    // A fourth of what the kernel must be rid of before it calls the socket writable.
    let begun = Instant::now();
    while begun.elapsed() < 4 * STALL {
        stream.read_exact(&mut scrap[..8 << 10]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(!gone.is(), "cut off after {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    gone.come().await;
    assert!(begun.elapsed() < 3 * STALL, "{:?}", begun.elapsed());
    drop(stream);
}

#[tokio::test]
async fn an_http_2_stream_that_nobody_reads_is_reset_beside_one_that_is_read() {
    let (stalled, live) = (Gone::default(), Gone::default());
    let router = Router::new()
        .nest("/stalled", answering(None, &stalled, endless))
        .nest("/live", answering(None, &live, endless));
    let service = Running::start(router, impatient()).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let mut ask = async |path: &str| {
        let request = http::Request::get(path).body(http_body_util::Empty::<Bytes>::new()).unwrap();
        send.ready().await.unwrap();
        send.send_request(request).await.unwrap().into_body()
    };
    let mut unread = ask("http://x/stalled").await;
    let mut read = ask("http://x/live").await;
    let begun = Instant::now();
    let mut lost = None;
    while begun.elapsed() < 4 * STALL {
        read.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!live.is());
        if stalled.is() {
            lost.get_or_insert(begun.elapsed());
        }
    }
    let lost = lost.unwrap();
    assert!(lost >= STALL && lost < 2 * STALL, "{lost:?}");
    let error = loop {
        match unread.frame().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(format!("{error:?}").contains("CANCEL"), "{error:?}");
    read.frame().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_slow_http_2_reader_is_kept() {
    let gone = Gone::default();
    let pieces = || futures_util::stream::repeat_with(|| Ok(Bytes::from(vec![7; 1 << 20])));
    let service = Running::start(answering(None, &gone, pieces), impatient()).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(64 << 10)
        .handshake(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let mut body = send.send_request(request).await.unwrap().into_body();
    // A piece of the source's would take ten times as long as the server's patience.
    let begun = Instant::now();
    while begun.elapsed() < 4 * STALL {
        let frame = body.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(10) * (frame.into_data().unwrap().len() >> 10) as u32).await;
        assert!(!gone.is(), "cut off after {:?}", begun.elapsed());
    }
}

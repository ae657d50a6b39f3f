//! How an answer ends: a whole one in order, a broken one so that every client sees it.

use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

const HTTP10: &str = "GET / HTTP/1.0\r\n\r\n";
const HTTP11: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn whole(length: Option<u64>) -> Running {
    let pieces = || stream::iter([piece("whole "), piece(""), piece("archive")]);
    Running::start(answering(length, &Gone::default(), pieces), config()).await
}

/// Breaks off after its first piece was read by the client.
async fn broken(length: Option<u64>) -> Running {
    let pieces = || {
        let late = stream::once(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            failure()
        });
        stream::iter([piece("half ")]).chain(late)
    };
    Running::start(answering(length, &Gone::default(), pieces), config()).await
}

/// Reads to the end and says whether that was a reset.
async fn is_reset(stream: &mut TcpStream) -> bool {
    let mut octets = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut octets)).await.unwrap() {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            true
        }
    }
}

#[tokio::test]
async fn a_whole_answer_to_http_1_0_closes_in_order() {
    assert!(whole(None).await.ask(HTTP10).await.ends_with("\r\n\r\nwhole archive"));
}

#[tokio::test]
async fn a_whole_answer_to_http_1_1_has_its_last_chunk() {
    let answer = whole(None).await.ask(HTTP11).await;
    assert!(answer.ends_with("\r\n6\r\nwhole \r\n7\r\narchive\r\n0\r\n\r\n"), "{answer}");
}

/// Reads an answer of short, numbered pieces, several of which a fast reader is handed at once, and gives its body.
async fn read_many(ends: impl Fn() -> Option<Piece> + Clone + Send + Sync + 'static) -> (Vec<u8>, bool) {
    let number = |number: u32| Ok(Bytes::from(number.to_be_bytes().repeat(number as usize)));
    let pieces = move || stream::iter((0..5000).map(number)).chain(stream::iter(ends()));
    let service = Running::start(answering(None, &Gone::default(), pieces), config()).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
    let mut body = send.send_request(request).await.unwrap().into_body();
    let mut octets = Vec::new();
    loop {
        match timeout(PATIENCE, body.frame()).await.unwrap() {
            Some(Ok(frame)) => octets.extend_from_slice(frame.data_ref().unwrap()),
            Some(Err(_)) => return (octets, false),
            None => return (octets, true),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_reader_gets_every_piece_and_then_the_end_or_the_failure() {
    let expected: Vec<u8> =
        (0..5000_u32).flat_map(|number| number.to_be_bytes().repeat(number as usize)).collect();
    assert!(expected.len() > 32 << 20, "enough for a reader to count as fast");
    let (octets, is_whole) = read_many(|| None).await;
    assert!(is_whole && octets == expected, "{} octets", octets.len());
    let (octets, is_whole) = read_many(|| Some(failure())).await;
    assert!(!is_whole && expected.starts_with(&octets), "{} octets", octets.len());
}

#[tokio::test]
async fn a_known_length_is_announced_and_kept() {
    for request in [HTTP10, HTTP11] {
        let answer = whole(Some(13)).await.ask(request).await;
        assert!(
            answer.contains("content-length: 13\r\n") && answer.ends_with("\r\n\r\nwhole archive"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_broken_answer_to_http_1_0_without_a_length_is_a_reset() {
    let mut stream = broken(None).await.send(HTTP10).await;
    until(&mut stream, "half ").await;
    assert!(is_reset(&mut stream).await);
}

#[tokio::test]
async fn a_broken_answer_with_a_length_stays_short() {
    for request in [HTTP10, HTTP11] {
        let answer = broken(Some(13)).await.ask(request).await;
        assert!(answer.ends_with("\r\n\r\nhalf "), "{answer}");
    }
}

#[tokio::test]
async fn a_broken_answer_to_http_1_1_has_no_last_chunk() {
    let answer = broken(None).await.ask(HTTP11).await;
    assert!(answer.ends_with("5\r\nhalf \r\n"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_exceeds_its_length_is_not_sent_whole() {
    for length in [5, 6, 12, 14] {
        let answer = whole(Some(length)).await.ask(HTTP11).await;
        // The head may be lost with what follows.
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        assert!((body.len() as u64) < length, "{length}: {body}");
    }
}

#[tokio::test]
async fn an_answer_to_http_1_0_that_is_cut_off_is_a_reset() {
    let pieces = || stream::iter([piece("half ")]).chain(stream::pending());
    let config = Config { drain_timeout: Duration::from_millis(50), ..config() };
    let mut service = Running::start(answering(None, &Gone::default(), pieces), config).await;
    let mut stream = service.send(HTTP10).await;
    until(&mut stream, "half ").await;
    service.end.cancel();
    assert!(is_reset(&mut stream).await);
    service.ended().await;
}

#[tokio::test]
async fn a_broken_answer_to_http_2_resets_its_stream_only() {
    let service = broken(None).await;
    let io = TokioIo::new(service.connect().await);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::get("http://x/").body(Empty::<Bytes>::new()).unwrap();
        let mut body = send.send_request(request).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half ");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(format!("{error:?}").contains("INTERNAL_ERROR"), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_that_ends_its_side_has_left() {
    let gone = Gone::default();
    let service = Running::start(answering(None, &gone, stream::pending::<Piece>), config()).await;
    let mut stream = service.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut stream, "\r\n\r\n").await;
    assert!(!gone.is());
    let begun = Instant::now();
    stream.shutdown().await.unwrap();
    gone.come().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

//! The same over HTTP/2 with prior knowledge, by hyper.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::{Abort, Answer, Ended};

/// An HTTP/2 connection; dropping it closes it.
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, driver) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        // How the connection ended shows in the streams.
        let driver = tokio::spawn(async { drop(driver.await) }).abort_handle();
        Connection { address, sender, driver }
    }

    /// Makes a request for this connection, to be changed as the test needs.
    pub fn request(&self, method: &str, path: &str, body: impl Into<Bytes>) -> http::Request<Full<Bytes>> {
        let uri = format!("http://{}{path}", self.address);
        http::Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap()
    }

    /// Sends a request and reads the answer's head; dropping the answer resets the stream.
    pub async fn open_stream(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, hyper::Error> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Answer {
        match self.open_stream(request).await {
            Ok(response) => finish(response).await,
            Err(error) => {
                let ended = Ended::Aborted(abort(&error));
                Answer { status: 0, headers: Vec::new(), body: Vec::new(), ended }
            }
        }
    }
}

/// Reads the rest of an answer.
pub async fn finish(response: http::Response<Incoming>) -> Answer {
    let (head, mut incoming) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    let ended = loop {
        match incoming.frame().await {
            None => break Ended::Whole,
            Some(Ok(frame)) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => break Ended::Aborted(abort(&error)),
        }
    };
    Answer { status: head.status.as_u16(), headers, body, ended }
}

/// Tells the reset of a stream from the end of its connection, which only the library's text does.
fn abort(error: &hyper::Error) -> Abort {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    if text.contains("stream error") {
        Abort::StreamReset(text)
    } else if text.contains("reset by peer") {
        Abort::Reset
    } else {
        Abort::Closed
    }
}

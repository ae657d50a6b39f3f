//! What came in on a connection, kept for the test to look at.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Wire;

/// The longest request head the origin reads, in octets.
const HEAD_LIMIT: usize = 256 << 10;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header lines in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When the head was whole.
    pub at: Instant,
    /// The connection it came on, from 0.
    pub connection: u64,
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` when the peer closed, or spoke no HTTP.
pub(super) async fn read(wire: &mut dyn Wire, buffer: &mut Vec<u8>, connection: u64) -> Option<Request> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.len() > HEAD_LIMIT || wire.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut request = Request { method, target, headers, body: Vec::new(), at: Instant::now(), connection };
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    if request.header("expect").is_some() {
        wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    while buffer.len() < length {
        if wire.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    request.body = buffer.drain(..length).collect();
    Some(request)
}

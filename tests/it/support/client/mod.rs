//! The client: HTTP/1.1 and 1.0 by hand on a raw socket, so that a test sees how an answer ended and can misbehave itself.
//!
//! ```ignore
//! let answer = Request::post(app.address(), "/api/downloads").json(&descriptor).send().await;
//! assert_eq!((answer.status, &answer.ended), (200, &Ended::Whole));
//! let mut reading = Request::post(…).json(&descriptor).open().await;      // and drop it to hang up
//! let begin = reading.take(65_536).await;
//! ```
//! HTTP/2 with prior knowledge is in [`http2`].

pub mod http2;
mod reading;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub use reading::Reading;

/// How an answer's body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As its framing says it must.
    Whole,
    /// Otherwise.
    Aborted(Abort),
}

/// How a body ended that did not end as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abort {
    /// The connection was closed (FIN) too early.
    Closed,
    /// What came is no HTTP.
    Malformed(String),
    /// The connection was reset (RST).
    Reset,
    /// The HTTP/2 stream was reset (RST_STREAM), in the library's words.
    StreamReset(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; 0 when the connection ended before one came.
    pub status: u16,
    /// The header lines in their order.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came, without its framing.
    pub body: Vec<u8>,
    /// How the body ended.
    pub ended: Ended,
}

impl Answer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: status {}, body {:?}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// Whether the body ended as its framing says it must.
    pub fn is_whole(&self) -> bool {
        self.ended == Ended::Whole
    }
}

/// The first value of a header.
fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A request to be sent; it carries `Host` and, with a body, `Content-Length`, and nothing else that is not asked for.
#[derive(Clone, Debug)]
pub struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    rate: Option<u64>,
    receive_buffer: Option<u32>,
}

impl Request {
    /// Makes a request of any method.
    pub fn new(method: &str, address: SocketAddr, target: &str) -> Request {
        Request {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1",
            headers: Vec::new(),
            body: None,
            rate: None,
            receive_buffer: None,
        }
    }

    /// Makes a GET.
    pub fn get(address: SocketAddr, target: &str) -> Request {
        Request::new("GET", address, target)
    }

    /// Makes a POST.
    pub fn post(address: SocketAddr, target: &str) -> Request {
        Request::new("POST", address, target).body("")
    }

    /// Adds a header line; `Host` and `Content-Length` replace the client's own.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a body, without saying of what type.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Request {
        Request { body: Some(body.into()), ..self }
    }

    /// Sends a JSON body, and says so.
    pub fn json(self, value: &serde_json::Value) -> Request {
        self.header("Content-Type", "application/json").body(value.to_string())
    }

    /// Speaks HTTP/1.0.
    pub fn http10(self) -> Request {
        Request { version: "HTTP/1.0", ..self }
    }

    /// Reads the answer at this rate, in octets a second, with a small receive buffer.
    pub fn rate(self, rate: u64) -> Request {
        Request { rate: Some(rate), ..self }.receive_buffer(16 << 10)
    }

    /// Asks for a receive buffer of about so many octets, so that the server feels early that nobody reads.
    pub fn receive_buffer(self, octets: u32) -> Request {
        Request { receive_buffer: Some(octets), ..self }
    }

    /// The request as it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        if header(&self.headers, "host").is_none() {
            head += &format!("Host: {}\r\n", self.address);
        }
        if let (Some(body), None) = (&self.body, header(&self.headers, "content-length")) {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// Sends it on a connection of its own and reads the answer's head; the body is read by what is returned.
    pub async fn open(self) -> Reading {
        let mut connection = Connection::open_with(self.address, self.receive_buffer).await;
        connection.send(&self.bytes()).await;
        connection.reading(&self.method, self.rate).await
    }

    /// Sends it on a connection of its own and reads the whole answer.
    pub async fn send(self) -> Answer {
        self.open().await.finish().await
    }
}

/// A connection on which anything can be sent, and answers be read one after another.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Connection {
        Connection::open_with(address, None).await
    }

    async fn open_with(address: SocketAddr, receive_buffer: Option<u32>) -> Connection {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        if let Some(octets) = receive_buffer {
            // Before the dial: the window is agreed upon there.
            socket.set_recv_buffer_size(octets).unwrap();
        }
        let stream = socket.connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream, buffer: Vec::new() }
    }

    /// Sends bytes as they are; a server that has hung up already shows when the answer is read.
    pub async fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// Sends bytes a few at a time; returns how many the server took.
    pub async fn send_slowly(&mut self, bytes: &[u8], octets: usize, every: Duration) -> usize {
        for (index, piece) in bytes.chunks(octets).enumerate() {
            if self.stream.write_all(piece).await.is_err() {
                return index * octets;
            }
            tokio::time::sleep(every).await;
        }
        bytes.len()
    }

    /// Reads the answer to a request of this method; gives the connection back when it can be used again.
    pub async fn answer(self, method: &str) -> (Answer, Option<Connection>) {
        self.reading(method, None).await.finish_keeping().await
    }

    /// Reads an answer's head.
    pub async fn reading(self, method: &str, rate: Option<u64>) -> Reading {
        Reading::begin(self, method, rate).await
    }

    /// Reads everything until the connection ends, as it comes; says whether it ended by FIN (`Whole`) or RST.
    pub async fn drain(mut self) -> (Vec<u8>, Ended) {
        loop {
            self.buffer.reserve(64 << 10);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return (self.buffer, Ended::Whole),
                Ok(_) => {}
                Err(_) => return (self.buffer, Ended::Aborted(Abort::Reset)),
            }
        }
    }
}

/// Sends bytes on a connection of their own and reads everything until it ends.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Ended) {
    let mut connection = Connection::open(address).await;
    connection.send(bytes).await;
    connection.drain().await
}

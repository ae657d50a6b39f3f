//! The origin: a scripted HTTP/1.1 server on raw sockets, so that it can misbehave in every way a source can.
//!
//! ```ignore
//! let origin = Origin::start().await;
//! let url = origin.serve("/a", Route::pattern(1, 30 << 20).etag("\"v1\"").first(2, |route| route.cut(1000)));
//! // … download …
//! assert_eq!(origin.requests_to("/a")[2].header("range"), Some("bytes=2000-"));
//! ```
//! Dropping it closes every connection.

mod answer;
mod connection;
mod content;
mod request;
mod route;
mod shared;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub use content::pattern;
pub use request::Request;
pub use route::{Event, Head, Route};
use shared::Shared;
pub use tls::{Tls, authority};

/// How long [`Origin::until`] waits; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A scripted source server on a port of its own.
pub struct Origin {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl Drop for Origin {
    fn drop(&mut self) {
        // The accepting task owns the connections' tasks.
        self.accepting.abort();
    }
}

/// Starting and addresses.
impl Origin {
    /// Starts an origin without TLS on 127.0.0.1.
    pub async fn start() -> Origin {
        Origin::builder().start().await
    }

    /// Starts an origin with TLS on 127.0.0.1.
    pub async fn start_tls(tls: Tls) -> Origin {
        Origin::builder().tls(tls).start().await
    }

    /// Starts an origin that differs.
    pub fn builder() -> Builder {
        let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned).to_vec();
        Builder { bind: "127.0.0.1:0".to_owned(), tls: None, names, reset_after: None, send_buffer: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Serves a route on a path, from now on and from its first request; returns the path's URL.
    pub fn serve(&self, path: &str, route: Route) -> String {
        self.shared.serve(path, route);
        self.url(path)
    }

    /// Serves a chain of so many redirects that ends at `target`; returns its first URL.
    pub fn serve_chain(&self, path: &str, redirects: usize, target: &str) -> String {
        for hop in 0..redirects {
            let last = hop + 1 == redirects;
            let next = if last { target.to_owned() } else { format!("{path}/{}", hop + 1) };
            let own = if hop == 0 { path.to_owned() } else { format!("{path}/{hop}") };
            self.serve(&own, Route::redirect(302, next));
        }
        self.url(path)
    }
}

/// What it saw.
impl Origin {
    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests()
    }

    /// The requests to a path, in order of arrival.
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.path() == path).collect()
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.shared.open.now()
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.shared.open.most()
    }

    /// Requests whose answer is not whole yet.
    pub fn answering(&self) -> usize {
        self.shared.answering.now()
    }

    /// The most requests that were answered at once.
    pub fn most_answering(&self) -> usize {
        self.shared.answering.most()
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted()
    }

    /// Octets of bodies written to a connection (taken by the kernel, see [`Builder::send_buffer`]).
    pub fn sent_on(&self, connection: u64) -> u64 {
        self.shared.sent_on(connection)
    }

    /// Octets of bodies written for a path.
    pub fn sent_for(&self, path: &str) -> u64 {
        self.shared.sent_for(path)
    }

    /// Octets of bodies written in all.
    pub fn sent(&self) -> u64 {
        self.shared.sent()
    }

    /// Waits until something holds of the origin; fails the test when it does not come to hold.
    pub async fn until(&self, what: &str, holds: impl Fn(&Origin) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "{what}: never came to hold of the origin");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// An origin to be started.
pub struct Builder {
    bind: String,
    tls: Option<Tls>,
    names: Vec<String>,
    reset_after: Option<usize>,
    send_buffer: Option<usize>,
}

impl Builder {
    /// Speaks TLS.
    pub fn tls(self, tls: Tls) -> Builder {
        Builder { tls: Some(tls), ..self }
    }

    /// Has a certificate for this name too.
    pub fn name(mut self, name: &str) -> Builder {
        self.names.push(name.to_owned());
        self
    }

    /// Resets each connection when its request after so many answers comes in (0: at its first).
    pub fn reset_after(self, answers: usize) -> Builder {
        Builder { reset_after: Some(answers), ..self }
    }

    /// Gives each connection a send buffer of about so many octets, so that counts of sent octets follow the reader closely.
    pub fn send_buffer(self, octets: usize) -> Builder {
        Builder { send_buffer: Some(octets), ..self }
    }

    /// Starts it.
    pub async fn start(self) -> Origin {
        let listener = TcpListener::bind(&self.bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared::new(self.reset_after));
        let accepting = tokio::spawn(accept(listener, self, shared.clone())).abort_handle();
        Origin { address, scheme, shared, accepting }
    }
}

async fn accept(listener: TcpListener, settings: Builder, shared: Arc<Shared>) {
    let acceptor = settings.tls.and_then(|tls| tls::acceptor(tls, &settings.names));
    let mut connections = JoinSet::new();
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        drop(tcp.set_nodelay(true));
        if let Some(octets) = settings.send_buffer {
            socket2::SockRef::from(&tcp).set_send_buffer_size(octets).unwrap();
        }
        let (shared, acceptor, tls) = (shared.clone(), acceptor.clone(), settings.tls);
        let number = shared.accept();
        let open = shared.open();
        connections.spawn(async move {
            match (acceptor, tls) {
                (Some(acceptor), _) => {
                    if let Ok(wire) = acceptor.accept(tcp).await {
                        connection::serve(shared, Box::new(wire), number).await;
                    }
                }
                (None, Some(_)) => until_closed(tcp).await,
                (None, None) => connection::serve(shared, Box::new(tcp), number).await,
            }
            drop(open);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Reads and forgets until the peer closes.
async fn until_closed(mut tcp: TcpStream) {
    drop(tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await);
}

/// A connection, with or without TLS.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket below.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A gate that holds bodies back until the test opens it; clones are one gate.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Makes a closed gate.
    pub fn closed() -> Gate {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Completes when it is open.
    async fn opened(&self) {
        // The sender lives in `self`.
        drop(self.0.subscribe().wait_for(|open| *open).await);
    }
}

/// An address where nobody listens.
pub async fn refused() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

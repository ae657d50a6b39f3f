//! The connection loop and the interface's outer edge, over real sockets.

mod bodies;
mod close;
mod drain;
mod limits;
mod requests;
mod stall;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Extension, Router, body::Body, extract::Request, routing::get};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use zipstream::{
    api::{ArchiveBody, Connection, Outcome, RequestId},
    archive,
    server::{self, Config},
};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a free port.
struct Running {
    address: SocketAddr,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(router: Router, config: Config) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, end) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(server::run(
            listener,
            router,
            config,
            end.clone().cancelled_owned(),
            std::future::pending(),
        ));
        Running { address, end, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connects and sends a text.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// What comes back until the server closes.
    async fn ask(&self, text: &str) -> String {
        rest(&mut self.send(text).await).await
    }

    /// The time the server takes to end by itself, once told.
    async fn ended(&mut self) -> Duration {
        let begun = Instant::now();
        timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
        begun.elapsed()
    }
}

fn config() -> Config {
    Config {
        drain_timeout: PATIENCE,
        header_timeout: PATIENCE,
        max_connections: 100,
        write_stall_timeout: PATIENCE,
    }
}

/// A socket that takes about so many octets of what comes unread.
fn buffered(address: SocketAddr, octets: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(octets).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut octets)).await.unwrap().unwrap();
    String::from_utf8_lossy(&octets).into_owned()
}

/// Reads until the text was seen.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let count = timeout(PATIENCE, stream.read_buf(&mut seen)).await.unwrap().unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Says whether an archive's stream was dropped.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicBool>);

impl Gone {
    fn is(&self) -> bool {
        self.0.load(SeqCst)
    }

    /// Waits for it.
    async fn come(&self) {
        let wait = async {
            while !self.is() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap();
    }
}

/// Tells when it is dropped.
struct Witness(Gone);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.0.store(true, SeqCst);
    }
}

type Piece = Result<Bytes, archive::Failure>;

fn piece(text: &'static str) -> Piece {
    Ok(Bytes::from_static(text.as_bytes()))
}

fn failure() -> Piece {
    Err(archive::Failure { reason: archive::Reason::Overloaded, entry: None })
}

/// A router whose `GET /` answers with an archive of these pieces.
fn answering<S>(
    length: Option<u64>,
    gone: &Gone,
    pieces: impl Fn() -> S + Clone + Send + Sync + 'static,
) -> Router
where
    S: Stream<Item = Piece> + Send + 'static,
{
    let gone = gone.clone();
    let answer = async move |Extension(connection): Extension<Connection>, request: Request| {
        let witness = Witness(gone.clone());
        let stream = pieces().inspect(move |_| _ = &witness);
        let outcome = Outcome::new(RequestId::new(), 1, connection.clone());
        Body::new(ArchiveBody::new(Box::pin(stream), length, request.version(), connection, outcome))
    };
    Router::new().route("/", get(answer))
}

/// Pieces without end, as fast as they are taken.
fn endless() -> impl Stream<Item = Piece> + Send {
    futures_util::stream::repeat_with(|| Ok(Bytes::from_static(&[7; 64 * 1024])))
}

//! A network between a client and the service, which cuts, and which remembers what the client asked for.
//!
//! A cut is taken by a connection that brings something back, not by each that is opened: a browser opens more than it
//! uses.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// A network path to a service, which cuts the first connections after so many bytes.
pub(super) struct Cutter {
    address: SocketAddr,
    task: JoinHandle<()>,
    record: Arc<Record>,
}

/// What is left to cut, what was asked on each connection, and how many bytes were brought back over all of them.
#[derive(Default)]
struct Record {
    cuts: Mutex<Vec<usize>>,
    asked: Mutex<Vec<Vec<u8>>>,
    brought: AtomicUsize,
}

impl Cutter {
    /// Starts a path to `target`; the last cut is made first.
    pub(super) async fn start(target: SocketAddr, cuts: Vec<usize>) -> Cutter {
        Cutter::over(vec![target], cuts).await
    }

    /// Starts a path to several nodes, to each of them in turn.
    pub(super) async fn over(targets: Vec<SocketAddr>, cuts: Vec<usize>) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record { cuts: Mutex::new(cuts), ..Record::default() });
        let shared = Arc::clone(&record);
        let task = tokio::spawn(async move {
            for target in targets.iter().cycle() {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, *target, Arc::clone(&shared)));
            }
        });
        Cutter { address, task, record }
    }

    /// The URL of a path of the service, by way of this network.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Whether every cut was made.
    pub(super) fn is_spent(&self) -> bool {
        self.record.cuts.lock().unwrap().is_empty()
    }

    /// Cuts no connection any more, but those that already brought something back.
    pub(super) fn mend(&self) {
        self.record.cuts.lock().unwrap().clear();
    }

    /// How many bytes came back so far, heads included.
    pub(super) fn brought(&self) -> usize {
        self.record.brought.load(Relaxed)
    }

    /// The heads of all requests for a path, in order of their connections' first; none has a body.
    pub(super) fn asked(&self, path: &str) -> Vec<String> {
        let line = format!("GET {path} HTTP/1.1\r\n");
        let sent = self.record.asked.lock().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let heads = |text: String| text.split_terminator("\r\n\r\n").map(str::to_owned).collect::<Vec<_>>();
        sent.iter().map(text).flat_map(heads).filter(|head| head.starts_with(&line)).collect()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes a connection on until so many bytes came back.
async fn pass(client: TcpStream, target: SocketAddr, record: Arc<Record>) {
    let server = TcpStream::connect(target).await.unwrap();
    let ((from_client, mut to_client), (mut from_server, to_server)) =
        (client.into_split(), server.into_split());
    let upward = tokio::spawn(pass_up(from_client, to_server, Arc::clone(&record)));
    let mut buffer = vec![0; 65_536];
    let mut left = None;
    while left != Some(0) {
        let most = left.unwrap_or(usize::MAX).min(buffer.len());
        let Ok(read @ 1..) = from_server.read(&mut buffer[..most]).await else { break };
        let before = left.unwrap_or_else(|| record.cuts.lock().unwrap().pop().unwrap_or(usize::MAX));
        let passed = read.min(before);
        if to_client.write_all(&buffer[..passed]).await.is_err() {
            break;
        }
        record.brought.fetch_add(passed, Relaxed);
        left = Some(before - passed);
    }
    upward.abort();
}

/// Passes on what the client says, and writes it down first.
async fn pass_up(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, record: Arc<Record>) {
    let (mut buffer, mut place) = (vec![0; 8192], None);
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        {
            let mut asked = record.asked.lock().unwrap();
            let place = *place.get_or_insert(asked.len());
            if place == asked.len() {
                asked.push(Vec::new());
            }
            asked[place].extend(&buffer[..read]);
        }
        if server.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
}

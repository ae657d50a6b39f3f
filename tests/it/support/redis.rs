//! A real Redis on a free port of the loopback, with nothing kept on disk; it can be killed, frozen and started again.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a server may take to answer after its start.
const START: Duration = Duration::from_secs(10);

/// What the files of one that speaks TLS are called.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// A running server; it ends when this is dropped.
pub struct Redis {
    address: SocketAddr,
    /// What it writes.
    folder: TempDir,
    server: Option<Child>,
}

impl Redis {
    /// Starts a server and waits until it takes connections.
    pub async fn start() -> Redis {
        let mut redis = Redis::new();
        redis.revive().await;
        redis
    }

    /// Starts a server that speaks nothing but TLS, under the name `localhost`.
    pub async fn start_tls() -> Redis {
        let mut redis = Redis::new();
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(redis.certificate(), certified.cert.pem()).unwrap();
        std::fs::write(redis.folder.path().join(KEY), certified.signing_key.serialize_pem()).unwrap();
        redis.revive().await;
        redis
    }

    /// The certificate of one that speaks TLS, which is its own authority.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join(CERTIFICATE)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes it a replica of another one: it can be read, and takes no more.
    pub async fn follow(&self, master: &Redis) {
        let answer = self.ask(&format!("REPLICAOF 127.0.0.1 {}", master.address.port())).await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }

    /// What `state.url` is to be.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills it without a farewell: all that it knew is gone.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Starts it again, empty, at the same address.
    pub async fn revive(&mut self) {
        let port = self.address.port().to_string();
        let mut command = Command::new("redis-server");
        match self.certificate().exists() {
            false => command.args(["--port", &port]),
            true => command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]).args([
                "--tls-cert-file",
                CERTIFICATE,
                "--tls-key-file",
                KEY,
            ]),
        };
        command.current_dir(&self.folder);
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server = Some(server.expect("redis-server is installed: apt-get install redis-server"));
        let end = Instant::now() + START;
        while TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < end, "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops it in its tracks: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Sends one command and reads its answer as it comes over the wire.
    pub async fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.trim_end().trim_end_matches("+OK").to_owned()
    }

    fn new() -> Redis {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Redis { address, folder: tempfile::tempdir().unwrap(), server: None }
    }

    fn signal(&self, name: &str) {
        let server = self.server.as_ref().expect("it runs");
        let status = Command::new("kill").args([&format!("-{name}"), &server.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

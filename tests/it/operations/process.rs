//! The service as its binary, in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::Numbers;
use crate::support::client::{Answer, Request};

/// How long the service may take for what it does at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service; it ends when this is dropped.
pub(super) struct Process {
    pub(super) address: SocketAddr,
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a service whose sources may be on the loopback, with this environment.
    pub(super) fn start(environment: &[(&str, &str)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zipstream"))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .env("ZIPSTREAM__EGRESS__ALLOW", "127.0.0.0/8")
            .env("ZIPSTREAM__LOG__FORMAT", "json")
            // Tests are not what quotas are against.
            .env("ZIPSTREAM__TIERS__ANONYMOUS__ARCHIVES_PER_HOUR", "1000000")
            .env("ZIPSTREAM__TIERS__ANONYMOUS__VALIDATIONS_PER_HOUR", "1000000")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let address = address(&mut said, "ZipStream listens on http://");
        Process { address, child, said }
    }

    /// Where the operators' own listener is; it is announced behind everything else.
    pub(super) fn metrics_address(&mut self) -> SocketAddr {
        address(&mut self.said, "Metrics are on http://")
    }

    /// Asks for a path.
    pub(super) async fn get(&self, path: &str) -> Answer {
        Request::get(self.address, path).send().await
    }

    /// Posts a descriptor.
    pub(super) fn post(&self, descriptor: &serde_json::Value) -> Request {
        Request::post(self.address, "/api/downloads").json(descriptor)
    }

    /// The numbers now.
    pub(super) async fn numbers(&self) -> Numbers {
        let answer = self.get("/metrics").await;
        assert_eq!((answer.status, answer.is_whole()), (200, true));
        Numbers::read(&String::from_utf8(answer.body).unwrap())
    }

    /// The numbers as soon as they are as expected: an archive counts when the server has dropped its answer.
    pub(super) async fn numbers_when(&self, expected: impl Fn(&Numbers) -> bool) -> Numbers {
        let end = Instant::now() + PATIENCE;
        loop {
            let numbers = self.numbers().await;
            if expected(&numbers) {
                return numbers;
            }
            assert!(Instant::now() < end, "{numbers:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it, and returns what it wrote to stderr.
    pub(super) fn end(mut self) -> Vec<String> {
        let terminated = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(terminated.success());
        let mut lines = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut lines).unwrap();
        assert!(self.child.wait().unwrap().success());
        lines.lines().map(str::to_owned).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads on to the line that tells an address.
fn address(said: &mut impl BufRead, before: &str) -> SocketAddr {
    for line in said.lines() {
        if let Some(rest) = line.unwrap().strip_prefix(before) {
            return rest.trim_end_matches("/metrics").parse().unwrap();
        }
    }
    panic!("the service did not say {before:?}");
}

//! The service as its binary, in a process of its own: for what shows only there, as its log, its numbers and its end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

/// A running service; dropping it kills it.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    said: BufReader<ChildStdout>,
    /// Reads on while it runs, or it would stop for a full pipe.
    log: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts a service whose sources may be on the loopback, with this environment.
    pub fn start(environment: &[(&str, &str)]) -> Process {
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
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).unwrap();
            String::from_utf8_lossy(&log).into_owned()
        });
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let address = address(&mut said, "ZipStream listens on http://");
        Process { address, child, said, log: Some(log) }
    }

    /// Where the operators' own listener is; it is announced behind everything else.
    pub fn metrics_address(&mut self) -> SocketAddr {
        address(&mut self.said, "Metrics are on http://")
    }

    /// Tells it to end.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Ends it by SIGTERM and waits until it has; returns its log.
    pub fn end(mut self) -> String {
        self.terminate();
        let ended = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(ended.success(), "{log}");
        log
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

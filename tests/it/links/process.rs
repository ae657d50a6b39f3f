//! The binary as a process of its own, for what shows only there: its log, and its end.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

/// A running service; dropping it kills it.
pub(super) struct Process {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Process {
    /// Starts the binary with these variables; sources may be on the loopback.
    pub(super) fn start(environment: &[(&str, &str)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zipstream"))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .env("ZIPSTREAM__EGRESS__ALLOW", "127.0.0.0/8")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
        Process { address, child }
    }

    /// Tells it to end and waits until it has; returns its log.
    pub(super) async fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut pipe = self.child.stderr.take().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut log = String::new();
            pipe.read_to_string(&mut log).unwrap();
            log
        });
        let log = read.await.unwrap();
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! What is asked of a service in a process of its own.

use std::time::{Duration, Instant};

use super::Numbers;
use crate::support::client::{Answer, Request};
use crate::support::process::Process;

/// How long the service may take for what it does at once.
const PATIENCE: Duration = Duration::from_secs(10);

impl Process {
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
}

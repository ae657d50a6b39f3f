//! The tasks that drive an archive's requests beside its own task.
//!
//! So all cores have work, and a reader that stopped holds nothing up. A task for each request was measured to cost a
//! third more CPU time.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

/// How many there are. One alone would be run by the thread that has just seen answers come, as would the archive's own
/// task which it wakes, and the runtime would wake no other thread for either: two were measured to take 7 % off the
/// time of small files, and three no more.
const DRIVERS: usize = 2;

/// A request on its way, which itself tells what it comes to: boxed where it is made, since it is kilobytes that would
/// be moved.
pub(super) type Request = Abortable<BoxFuture<'static, ()>>;

/// A request that ends with this.
pub(super) struct Driven(pub(super) AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The drivers of one archive, started for the first request; dropping them drops the requests.
#[derive(Default)]
pub(super) struct Drivers(OnceLock<Started>);

struct Started {
    queues: Vec<UnboundedSender<Request>>,
    /// Whose turn it is.
    turn: AtomicUsize,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Drivers {
    /// Takes over a request.
    pub(super) fn drive(&self, request: Request) {
        let Started { queues, turn, .. } = self.0.get_or_init(Started::new);
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        // Without a driver the runtime is ending, and the archive with it.
        _ = queues[turn % DRIVERS].send(request);
    }
}

impl Started {
    fn new() -> Started {
        let (queues, requests): (Vec<_>, Vec<_>) = (0..DRIVERS).map(|_| unbounded_channel()).unzip();
        let tasks =
            requests.into_iter().map(|requests| AbortOnDropHandle::new(tokio::spawn(drive(requests))));
        Started { queues, turn: AtomicUsize::new(0), _tasks: tasks.collect() }
    }
}

/// Drives requests, until there is nobody who makes any.
async fn drive(mut requests: UnboundedReceiver<Request>) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = running.next() => {}
            request = requests.recv() => match request {
                // One that panics ends alone, without having told anything.
                Some(request) => running.push(AssertUnwindSafe(request).catch_unwind()),
                None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::abortable;

    #[tokio::test]
    async fn a_request_that_panics_ends_alone() {
        let drivers = Drivers::default();
        let (tell, mut told) = unbounded_channel();
        for number in 0..4 {
            let tell = tell.clone();
            let request = async move {
                assert_ne!(number, 1);
                tell.send(number).unwrap();
            };
            drivers.drive(abortable(request.boxed()).0);
        }
        drop(tell);
        let mut all = Vec::new();
        while let Some(number) = told.recv().await {
            all.push(number);
        }
        all.sort_unstable();
        assert_eq!(all, [0, 2, 3]);
    }
}

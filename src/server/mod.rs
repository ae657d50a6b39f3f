//! Takes connections and serves a router on them, until it is told to end.
//!
//! ```text
//! serving ──signal──▶ draining: /readyz says so, running downloads go on, new connections are still answered
//!                        │  (refusing beats vanishing: a balancer needs a moment to look away)
//!                        ├── no connection left ──▶ end
//!                        └── drain_timeout, or whoever has no patience ──▶ cut: every connection is dropped ──▶ end
//! ```
//! The loop is hyper-util's and not axum's, because clocks, buffers and windows must be set.

mod answer;
mod connection;
mod open_files;
mod overflow;
mod socket;
mod stream;

use std::{future::Future, io, net::IpAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_util::task::TaskTracker;

use self::{connection::Servant, overflow::Overflow};

pub use self::open_files::raise_open_files;

/// Settings of the connection loop.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time for running downloads after the signal.
    pub drain_timeout: Duration,
    /// Time for a request's head, and for the pause before it.
    pub header_timeout: Duration,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Time after which a reader that takes nothing is cut off.
    pub write_stall_timeout: Duration,
}

/// What the process is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Everything still open is dropped.
    Cut,
    /// Nothing new begins.
    Draining,
    /// The normal state.
    Serving,
}

/// Pause after the listener failed for want of something (descriptors, memory): others must give it back first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown` is over and the connections have ended or were cut: at the end of the
/// drain's time, or of `patience`.
pub async fn run(
    listener: TcpListener,
    router: Router,
    config: Config,
    shutdown: impl Future<Output = ()>,
    patience: impl Future<Output = ()>,
) {
    let (phase, phases) = watch::channel(Phase::Serving);
    let tasks = TaskTracker::new();
    let servant = Servant::new(router, &config, phases, tasks.clone());
    let door =
        Door { overflow: Overflow::new(), room: Arc::new(Semaphore::new(config.max_connections)), servant };

    tokio::select! {
        () = door.take_all(&listener) => {}
        () = shutdown => {}
    }
    tracing::info!(connections = tasks.len(), "draining");
    phase.send_replace(Phase::Draining);
    tasks.close();
    let deadline = async {
        tokio::select! { () = tokio::time::sleep(config.drain_timeout) => {} () = patience => {} }
    };
    tokio::select! {
        () = door.take_all(&listener) => {}
        () = tasks.wait() => {}
        () = deadline => tracing::warn!(connections = tasks.len(), "cutting off what is still running"),
    }
    drop(listener);
    phase.send_replace(Phase::Cut);
    tasks.wait().await;
}

/// Where connections come in.
struct Door {
    overflow: Overflow,
    room: Arc<Semaphore>,
    servant: Servant,
}

impl Door {
    /// Takes connections; never ends.
    async fn take_all(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.take(stream, peer.ip()),
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection when there is room, else refuses it. The permit lives as long as the connection.
    fn take(&self, stream: TcpStream, peer: IpAddr) {
        match self.room.clone().try_acquire_owned() {
            Ok(permit) => self.servant.serve(stream, peer, permit),
            Err(_) => self.overflow.refuse(stream),
        }
    }
}

/// Whether accepting failed because the client left in between.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

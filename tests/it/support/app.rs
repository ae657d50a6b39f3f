//! The real service on a free port, with a runtime of its own; dropping it asserts that nothing is left running.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use zipstream::app::{self, Overrides};
use zipstream::archive::Archives;
use zipstream::config::{self, Config};
use zipstream::limits::Limits;
use zipstream::{egress, server};

/// How long what was dropped may take to be gone.
const GRACE: Duration = Duration::from_secs(5);

/// A running service.
pub struct App {
    address: SocketAddr,
    archives: Option<Archives>,
    limits: Option<Limits>,
    stop: Option<oneshot::Sender<()>>,
    done: Option<std::sync::mpsc::Receiver<()>>,
    runtime: Option<Runtime>,
}

impl App {
    /// Starts the service with its defaults, except that sources may be on the loopback.
    pub async fn start() -> App {
        App::with(|_| {}).await
    }

    /// Starts the service with what `change` makes of the configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> App {
        App::connecting(change, None).await
    }

    /// Starts the service with another way to connect to sources.
    pub async fn connecting(change: impl FnOnce(&mut Config), connect: Option<egress::Connect>) -> App {
        let mut config = config::load(&config::Sources::default()).expect("the defaults are lawful").config;
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        // Tests of these limits set their own.
        config.tiers.anonymous.archives_per_hour = 1_000_000;
        config.tiers.anonymous.validations_per_hour = 1_000_000;
        config.tiers.anonymous.concurrent_archives = 10_000;
        change(&mut config);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let (done, is_done) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = app::App::build(&config, &[address], Overrides { connect }).unwrap();
            ready.send((address, app.archives, app.limits)).ok();
            let draining = app.draining.clone();
            let shutdown = async move {
                // A dropped sender is a stop as well.
                stopped.await.ok();
                draining.cancel();
            };
            server::run(listener, app.router, config.server(), shutdown, std::future::pending()).await;
            done.send(()).ok();
        });
        let (address, archives, limits) = is_ready.await.expect("the service starts");
        App {
            address,
            archives: Some(archives),
            limits: Some(limits),
            stop: Some(stop),
            done: Some(is_done),
            runtime: Some(runtime),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Bytes held ahead now.
    pub fn held(&self) -> u64 {
        self.archives.as_ref().map_or(0, |archives| archives.budget().held())
    }

    /// Tells it to end, as a signal would; running downloads go on.
    pub fn drain(&mut self) {
        self.stop.take();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.take();
        let (Some(done), Some(runtime)) = (self.done.take(), self.runtime.take()) else { return };
        let metrics = runtime.metrics();
        let (ended, held, busy) = tokio::task::block_in_place(|| {
            let ended = done.recv_timeout(Duration::from_secs(40)).is_ok();
            let busy = self.limits.take().map_or(0, |limits| limits.busy_clients());
            let end = Instant::now() + GRACE;
            let wait_for = |is_so: &dyn Fn() -> bool| {
                while !is_so() && Instant::now() < end {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
            };
            // Requests that were broken off give back what they held when their task comes to it.
            wait_for(&|| self.held() == 0);
            let held = self.held();
            // The last owners of the sources' client and of the way to Redis, and so of idle connections.
            drop(self.archives.take());
            wait_for(&|| metrics.num_alive_tasks() == 0);
            (ended, held, busy)
        });
        let tasks = metrics.num_alive_tasks();
        runtime.shutdown_background();
        if !std::thread::panicking() {
            assert!(ended, "the service did not end");
            assert_eq!(tasks, 0, "tasks are left running");
            assert_eq!(held, 0, "bytes are still held ahead");
            assert_eq!(busy, 0, "clients still hold permits");
        }
    }
}

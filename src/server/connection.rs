//! One client's connection, from accept to close.
//!
//! hyper drives the protocol; a look every few seconds judges what hyper does not: a client that never sends
//! a request, a reader that takes nothing, an HTTP/2 connection that nobody uses, a goodbye that takes too long. No write
//! starts a timer.

use std::{convert::Infallible, net::IpAddr, pin::pin, time::Duration};

use axum::{Router, body::Body};
use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::{
    Config, Phase,
    answer::{Answer, Exchange},
    socket::Socket,
    stream::Streams,
};
use crate::api::Connection;

/// Bytes hyper may buffer for one HTTP/1 connection, each way: also the longest head. A writer with this much
/// goes to the socket; more costs memory for every slow reader and was measured to bring nothing.
const HTTP1_BUFFER: usize = 64 * 1024;

/// Bytes of one HTTP/2 stream that may wait for its window.
const HTTP2_SEND_BUFFER: usize = 64 * 1024;

/// Streams on one HTTP/2 connection: the least that RFC 9113 §6.5.2 recommends.
const HTTP2_STREAMS: u32 = 100;

/// Window for the bodies of HTTP/2 requests, in octets: descriptors are small.
const HTTP2_WINDOW: u32 = 64 * 1024;

/// Pause after which a silent HTTP/2 peer is asked whether it lives, and its time to answer.
const HTTP2_PING: Duration = Duration::from_secs(20);

/// Longest pause between two looks at a connection.
const LOOK: Duration = Duration::from_secs(5);

/// How long a connection that comes during the drain may take for its request, and how often it is looked at.
const LATE: Duration = Duration::from_secs(1);

/// Longest goodbye: reading on after the answer's end.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves connections.
pub(super) struct Servant {
    builder: auto::Builder<Streams>,
    clocks: Clocks,
    open: metrics::Gauge,
    phases: watch::Receiver<Phase>,
    router: Router,
    served: metrics::Counter,
    tasks: TaskTracker,
}

/// What the periodic look measures against.
#[derive(Clone, Copy)]
struct Clocks {
    /// Time for the first request, and on HTTP/2 for the pause between two.
    header: Duration,
    /// Pause between two looks.
    look: Duration,
    /// Time a reader may take nothing.
    stall: Duration,
}

impl Servant {
    /// Prepares hyper.
    pub(super) fn new(
        router: Router,
        config: &Config,
        phases: watch::Receiver<Phase>,
        tasks: TaskTracker,
    ) -> Servant {
        let (header, stall) = (config.header_timeout, config.write_stall_timeout);
        // A fourth: a clock is kept to a quarter of its length.
        let look = (header.min(stall) / 4).clamp(Duration::from_millis(10), LOOK);
        let mut builder = auto::Builder::new(Streams { look, stall, tasks: tasks.clone() });
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            // A client that ends its side has left, as far as TCP can tell: hyper would read no more from one that may go on
            // taking, and would learn from the next write at the earliest that it is gone. While a source is silent there is
            // none, and its connection would be kept for nobody.
            .half_close(false)
            .keep_alive(true)
            .max_buf_size(HTTP1_BUFFER)
            .writev(true);
        builder
            .http2()
            .timer(TokioTimer::new())
            .adaptive_window(false)
            .initial_stream_window_size(HTTP2_WINDOW)
            .initial_connection_window_size(4 * HTTP2_WINDOW)
            .keep_alive_interval(HTTP2_PING)
            .keep_alive_timeout(HTTP2_PING)
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_send_buf_size(HTTP2_SEND_BUFFER);
        metrics::counter!("zipstream_connections_total", "outcome" => "refused").absolute(0);
        metrics::gauge!("zipstream_connections_limit").set(config.max_connections as f64);
        let (open, served) = (
            metrics::gauge!("zipstream_connections"),
            metrics::counter!("zipstream_connections_total", "outcome" => "served"),
        );
        Servant { builder, clocks: Clocks { header, look, stall }, open, phases, router, served, tasks }
    }

    /// Serves one connection in a task of its own, which holds the permit.
    pub(super) fn serve(&self, stream: TcpStream, peer: IpAddr, permit: OwnedSemaphorePermit) {
        let connection = Connection::new(peer);
        let socket = Socket::new(stream, connection.clone());
        let (builder, router) = (self.builder.clone(), self.router.clone());
        let (clocks, phases) = (self.clocks, self.phases.clone());
        self.served.increment(1);
        let counted = Counted::new(self.open.clone());
        self.tasks.spawn(async move {
            drive(builder, router, socket, connection, clocks, phases).await;
            drop((permit, counted));
        });
    }
}

/// One connection in the gauge of open ones, until it is dropped.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(open: metrics::Gauge) -> Counted {
        open.increment(1.0);
        Counted(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Drives one connection to its end.
async fn drive(
    builder: auto::Builder<Streams>,
    router: Router,
    socket: Socket,
    connection: Connection,
    clocks: Clocks,
    mut phases: watch::Receiver<Phase>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = Exchange::new(connection.clone(), request.version() == Version::HTTP_2);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        let answering = router.clone().oneshot(request);
        async move {
            let response: Response<Body> = answering.await?;
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, exchange)))
        }
    });
    let mut protocol = pin!(builder.serve_connection(TokioIo::new(socket), service));

    let late = *phases.borrow_and_update() == Phase::Draining;
    let pause = if late { clocks.look.min(LATE) } else { clocks.look };
    let mut looks = interval_at(Instant::now() + pause, pause);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            outcome = protocol.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            changed = phases.changed() => {
                if changed.is_err() || *phases.borrow_and_update() == Phase::Cut {
                    connection.note_cut();
                    return;
                }
                leaving = true;
                protocol.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => {
                if let Some(reason) = judge(&connection, clocks) {
                    tracing::debug!(reason, "a connection is cut off");
                    return;
                }
                connection.try_to_write();
                let is_idle = connection.idle_for().is_some_and(|pause| pause >= clocks.header);
                if !leaving && (is_idle || late && connection.age() >= LATE) {
                    leaving = true;
                    protocol.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Why a connection is to be dropped, if it is.
fn judge(connection: &Connection, clocks: Clocks) -> Option<&'static str> {
    let stall = connection.stall();
    if (stall.held || stall.pending) && stall.quiet >= clocks.stall {
        return Some("its reader takes nothing");
    }
    if !connection.requested() && connection.age() >= clocks.header {
        return Some("it sent no request");
    }
    // It was told that it may end after the first of these times, and may have the end of an answer to take until then, and
    // as long as it takes some.
    if !stall.pending && connection.idle_for().is_some_and(|pause| pause >= clocks.header + clocks.stall) {
        return Some("it is idle and does not end");
    }
    if connection.shut_for().is_some_and(|since| since >= GOODBYE) {
        return Some("it does not close");
    }
    None
}

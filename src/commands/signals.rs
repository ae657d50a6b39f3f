//! The signals that end a command: what it has begun is cleared away first.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a command.
pub(super) struct Signals([Signal; 3]);

impl Signals {
    /// Takes them from the system, which ends the process without more ado until then.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new() -> io::Result<Signals> {
        // A terminal that goes away is an end too.
        let of = |kind: SignalKind| signal(kind);
        Ok(Signals([of(SignalKind::interrupt())?, of(SignalKind::terminate())?, of(SignalKind::hangup())?]))
    }

    /// Waits for the first one.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} _ = hangup.recv() => {} }
    }
}

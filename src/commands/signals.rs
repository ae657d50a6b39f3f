//! The signals that end a command: what it has begun is cleared away first.
//!
//! One that is ignored when the command starts stays so: `nohup` means that it goes on when its terminal goes away.

use std::{fs, io};

use futures_util::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where Linux tells which signals a process ignores (proc_pid_status(5)).
const STATUS: &str = "/proc/self/status";

/// The signals that end a command.
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// Takes them from the system, which ends the process without more ado until then.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new() -> io::Result<Signals> {
        // Where it is not told, nothing is known to be ignored.
        let ignored = fs::read_to_string(STATUS).ok().and_then(|status| ignored(&status)).unwrap_or(0);
        // A terminal that goes away is an end too.
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let heard = kinds.into_iter().filter(|kind| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
        Ok(Signals(heard.map(signal).collect::<io::Result<_>>()?))
    }

    /// Waits for the first one.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) {
        if self.0.is_empty() {
            std::future::pending().await
        }
        select_all(self.0.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

/// The set of ignored signals, the first in the lowest bit.
fn ignored(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_found_or_not() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored(status), Some(0x1001));
        assert_eq!((ignored(""), ignored("SigIgn:\tx")), (None, None));
    }
}

//! Idle connections by origin, kept for a short while.
//!
//! Nobody drives an idle connection, so its end is noticed when it is taken out again, or by the sweep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;
use url::Origin;

use super::connection::Connection;

/// How long a connection may be idle: below the 5 s after which common servers close theirs.
const IDLE: Duration = Duration::from_secs(4);
/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// The idle connections of one client.
pub(super) struct Pool {
    per_origin: usize,
    idle: Mutex<HashMap<Origin, Vec<Parked>>>,
    _sweep: AbortOnDropHandle<()>,
}

struct Parked {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Makes an empty pool of at most `per_origin` connections for each origin, and starts its sweep, which ends
    /// with the pool.
    pub(super) fn new(per_origin: usize) -> Arc<Pool> {
        Arc::new_cyclic(|pool| {
            let sweep = tokio::spawn(sweep(pool.clone()));
            Pool { per_origin, idle: Mutex::default(), _sweep: AbortOnDropHandle::new(sweep) }
        })
    }

    /// Takes a usable connection out; the one that was put back last is the likeliest to live.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut parked = self.lock().get_mut(origin)?.pop()?;
            if parked.since.elapsed() < IDLE && parked.connection.is_idle() {
                return Some(parked.connection);
            }
        }
    }

    /// Keeps a connection for later, where it is usable and there is room.
    pub(super) fn put(&self, mut connection: Connection) {
        if !connection.is_idle() {
            return;
        }
        let mut idle = self.lock();
        match idle.get_mut(connection.origin()) {
            Some(parked) if parked.len() >= self.per_origin => {}
            Some(parked) => parked.push(Parked { connection, since: Instant::now() }),
            None => {
                let origin = connection.origin().clone();
                idle.insert(origin, vec![Parked { connection, since: Instant::now() }]);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Parked>>> {
        // The map is whole between any two statements, so another thread's panic spoils nothing.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { continue };
        pool.lock().retain(|_, parked| {
            parked.retain_mut(|parked| parked.since.elapsed() < IDLE && parked.connection.is_idle());
            !parked.is_empty()
        });
    }
}

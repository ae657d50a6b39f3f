//! Memory for the bodies of requests, of all clients together.
//!
//! A body may come as slowly as `server.body_timeout` lets it, and there are many connections with many streams each: were
//! every body held to its own limit only, their senders would say how much memory they take. So what is held of all of
//! them counts against one bound, as it grows; one that finds no room is refused at once. The beginning of each is counted
//! apart, so that a few long bodies that come slowly leave the room that short ones need.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Config, Problem};

/// What of each body is counted apart, in octets: a hundred files, as most descriptors have fewer.
const BEGINNING: usize = 16 * 1024;

/// The room for all bodies.
#[derive(Clone, Debug)]
pub struct Bodies {
    beginnings: Arc<Semaphore>,
    rests: Arc<Semaphore>,
}

impl Bodies {
    /// A quarter of `bodies_total` for beginnings, the other three for what is longer. One body as long as any may be always
    /// has room.
    pub fn new(config: &Config) -> Bodies {
        let quarter = config.bodies_total / 4;
        let room = |octets: usize| Arc::new(Semaphore::new(octets.min(Semaphore::MAX_PERMITS)));
        Bodies {
            beginnings: room(quarter.max(BEGINNING)),
            rests: room((config.bodies_total - quarter).max(config.body_limit)),
        }
    }

    /// The share of a body of which nothing is held yet.
    pub(super) fn share(&self) -> Share {
        let part = |room: &Arc<Semaphore>| Part { held: None, room: Arc::clone(room) };
        Share { beginning: part(&self.beginnings), rest: part(&self.rests) }
    }
}

/// What is held of one body, until it is dropped.
pub(super) struct Share {
    beginning: Part,
    rest: Part,
}

impl Share {
    /// Has it hold so many octets in all.
    ///
    /// # Errors
    /// `overloaded`, when there is no room.
    pub(super) fn grow(&mut self, octets: usize) -> Result<(), Problem> {
        let beginning = octets.min(BEGINNING);
        let has_room = self.beginning.grow(beginning) && self.rest.grow(octets - beginning);
        if has_room { Ok(()) } else { Err(Problem::overloaded()) }
    }
}

/// What is held of one of the rooms.
struct Part {
    held: Option<OwnedSemaphorePermit>,
    room: Arc<Semaphore>,
}

impl Part {
    /// Holds so many octets, if there is room for them.
    fn grow(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        let Ok(more) = u32::try_from(more) else { return false };
        let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies() -> Bodies {
        let (flood, proxies) = (crate::api::Flood { burst: 1, rate: 0 }, crate::limits::Proxies::new(vec![]));
        let body_timeout = std::time::Duration::ZERO;
        Bodies::new(&Config {
            bodies_total: 8 * BEGINNING,
            body_limit: 5 * BEGINNING,
            body_timeout,
            cors_origins: Vec::new(),
            flood,
            proxies,
        })
    }

    #[test]
    fn long_bodies_leave_room_for_short_ones() {
        let bodies = bodies();
        let (mut long, mut other, mut short) = (bodies.share(), bodies.share(), bodies.share());
        assert!(long.grow(BEGINNING / 2).is_ok() && long.grow(5 * BEGINNING).is_ok());
        assert!(other.grow(4 * BEGINNING).is_err(), "6 times are there for what is longer");
        drop(other);
        assert!(short.grow(BEGINNING).is_ok());
        assert!(bodies.share().grow(1).is_err(), "two beginnings fill theirs");
        drop(long);
        assert!(bodies.share().grow(5 * BEGINNING).is_ok());
    }
}

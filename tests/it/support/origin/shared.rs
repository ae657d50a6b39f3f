//! What all connections of an origin share: its routes, its record and its counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Request, Route};

/// Routes, record and counts.
pub(super) struct Shared {
    /// How many answers a connection gives before it is reset.
    pub(super) reset_after: Option<usize>,
    /// Connections.
    pub(super) open: Arc<Level>,
    /// Requests being answered.
    pub(super) answering: Arc<Level>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The routes, each with how many requests came to it.
    routes: HashMap<String, (Route, usize)>,
    requests: Vec<Request>,
    accepted: u64,
    sent_on: HashMap<u64, u64>,
    sent_for: HashMap<String, u64>,
}

impl Shared {
    pub(super) fn new(reset_after: Option<usize>) -> Shared {
        Shared { reset_after, open: Arc::default(), answering: Arc::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn serve(&self, path: &str, route: Route) {
        self.state().routes.insert(path.to_owned(), (route, 0));
    }

    /// Records a request and finds what answers it; 404 where nothing is served.
    pub(super) fn route(&self, request: &Request) -> Route {
        let found = {
            let mut state = self.state();
            state.requests.push(request.clone());
            state.routes.get_mut(request.path()).map(|(route, count)| {
                *count += 1;
                (route.clone(), *count - 1)
            })
        };
        // Outside the lock: a choosing function may look at the origin.
        found.map_or_else(|| Route::status(404), |(route, nth)| route.resolve(request, nth))
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Numbers a new connection.
    pub(super) fn accept(&self) -> u64 {
        let mut state = self.state();
        state.accepted += 1;
        state.accepted - 1
    }

    pub(super) fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Counts octets of a body.
    pub(super) fn count(&self, connection: u64, path: &str, octets: u64) {
        let mut state = self.state();
        *state.sent_on.entry(connection).or_default() += octets;
        match state.sent_for.get_mut(path) {
            Some(sent) => *sent += octets,
            None => drop(state.sent_for.insert(path.to_owned(), octets)),
        }
    }

    pub(super) fn sent_on(&self, connection: u64) -> u64 {
        self.state().sent_on.get(&connection).copied().unwrap_or_default()
    }

    pub(super) fn sent_for(&self, path: &str) -> u64 {
        self.state().sent_for.get(path).copied().unwrap_or_default()
    }

    pub(super) fn sent(&self) -> u64 {
        self.state().sent_on.values().sum()
    }

    /// Counts a connection while the answer is held.
    pub(super) fn open(&self) -> Held {
        Held::new(&self.open)
    }

    /// Counts a request while the answer is held.
    pub(super) fn answering(&self) -> Held {
        Held::new(&self.answering)
    }
}

/// A count that goes up and down and remembers its highest.
#[derive(Default)]
pub(super) struct Level {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Level {
    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// One of a [`Level`], until it is dropped.
pub(super) struct Held(Arc<Level>);

impl Held {
    fn new(level: &Arc<Level>) -> Held {
        let now = level.now.fetch_add(1, Ordering::SeqCst) + 1;
        level.most.fetch_max(now, Ordering::SeqCst);
        Held(level.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

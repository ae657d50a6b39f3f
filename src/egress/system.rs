//! The system's resolver, which reads the hosts file, search domains and name services as the operator set them.
//!
//! It has no other way than to hold a thread until it knows, and its time cannot be shortened: 10 s by default for a name server
//! that is silent. The threads are those that compress, so it may have a part of them only; who waits for one waits within
//! the clock of its dial.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
};

use tokio::sync::Semaphore;

/// Lookups at the same time, of all archives: a quarter of the threads that tokio makes for work that blocks (512). A
/// descriptor of 50 dead hosts leaves room for others' names, and compression is never kept waiting.
const LOOKUPS: usize = 128;

/// What the C library says of a name that does not exist or has no address. std hands on this text and not the code; it is
/// in the library's own language, since nobody sets another one in this process. Any other text is taken for trouble that
/// may pass.
const DEFINITE: [&str; 5] = [
    "Name or service not known",                    // glibc, EAI_NONAME
    "No address associated with hostname",          // glibc, EAI_NODATA
    "Name does not resolve",                        // musl, EAI_NONAME
    "Name has no usable address",                   // musl, EAI_NODATA
    "nodename nor servname provided, or not known", // BSD and macOS, EAI_NONAME
];

/// Asks the system for the addresses of a name, and blocks until it knows.
type Ask = fn(&str) -> io::Result<Vec<IpAddr>>;

/// Asks the system.
#[derive(Clone)]
pub(super) struct System {
    ask: Ask,
    lookups: Arc<Semaphore>,
}

impl System {
    /// No lookup is under way yet.
    pub(super) fn new() -> System {
        System::asking(look_up, LOOKUPS)
    }

    fn asking(ask: Ask, lookups: usize) -> System {
        System { ask, lookups: Arc::new(Semaphore::new(lookups)) }
    }

    /// Finds the addresses of a name.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] when it has none, another when nobody could tell.
    ///
    /// # Cancel safety
    ///
    /// May be dropped; a lookup that has begun runs to its end unheard, and counts as long.
    pub(super) async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let (ask, name) = (self.ask, name.to_owned());
        let lookup = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            ask(&name)
        });
        lookup.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let found = (name, 0).to_socket_addrs().map_err(|error| {
        let text = error.to_string();
        let is_definite = DEFINITE.iter().any(|definite| text.ends_with(definite));
        if is_definite { io::Error::new(io::ErrorKind::NotFound, error) } else { error }
    })?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const WHILE: Duration = Duration::from_millis(200);

    fn slow(_: &str) -> io::Result<Vec<IpAddr>> {
        std::thread::park_timeout(WHILE);
        Ok(Vec::new())
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_from_trouble() {
        // No name server has a say in it: a label of 64 octets.
        let error = look_up(&format!("{}.invalid", "a".repeat(64))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    }

    #[tokio::test]
    async fn lookups_that_nobody_waits_for_any_more_count_to_their_end() {
        let (system, begun) = (System::asking(slow, 2), Instant::now());
        for _ in 0..2 {
            let given_up = tokio::time::timeout(WHILE / 10, system.resolve("a")).await;
            assert!(given_up.is_err());
        }
        assert!(
            tokio::time::timeout(WHILE / 10, system.resolve("b")).await.is_err(),
            "it waits for its turn"
        );
        system.resolve("c").await.unwrap();
        assert!(begun.elapsed() >= 2 * WHILE, "{:?}", begun.elapsed());
    }
}

//! The SSRF defence, against the corpus, an independent table of addresses, and a scripted DNS.

mod address;
mod corpus;
mod dialer;
mod policy;
mod siblings;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use zipstream::egress::{Config, Connect, Dialer, Error, Own, Policy, Reason, Resolver};

use crate::support::dns::Dns;

/// Parses a URL that is known to parse.
fn url(text: &str) -> Url {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Parses networks or patterns for a configuration.
fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().expect("a lawful text")).collect()
}

/// The reason why a policy refuses a URL, if it does.
fn refused(policy: &Policy, text: &str) -> Option<Reason> {
    policy.judge_url(&url(text)).err().map(|refusal| refusal.reason)
}

/// A dialer over the scripted DNS whose connections all end at one listener of the test, whatever address was wanted; the
/// addresses are written down.
struct Bench {
    dns: Dns,
    dialer: Dialer,
    connected: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Bench {
    async fn start(config: Config, own: Own) -> Bench {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = listener.local_addr().expect("a bound socket");
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        Bench::with(config, own, move |_| TcpStream::connect(target).boxed()).await
    }

    async fn with<F>(config: Config, own: Own, connect: F) -> Bench
    where
        F: Fn(SocketAddr) -> futures_util::future::BoxFuture<'static, io::Result<TcpStream>>
            + Send
            + Sync
            + 'static,
    {
        let dns = Dns::start().await;
        let connected = Arc::new(Mutex::new(Vec::new()));
        let record = connected.clone();
        let connect: Connect = Arc::new(move |address| {
            record.lock().expect("no panic under the lock").push(address);
            connect(address)
        });
        let resolver = Resolver::new(&[dns.address()]).expect("a resolver");
        let policy = Arc::new(Policy::new(&config, own));
        Bench { dns, dialer: Dialer::new(policy, resolver, connect), connected }
    }

    async fn dial(&self, text: &str) -> Result<TcpStream, Error> {
        self.dialer.dial(&url(text)).await
    }

    /// The addresses that connections were opened to since the last call.
    fn connected(&self) -> Vec<IpAddr> {
        let mut connected = self.connected.lock().expect("no panic under the lock");
        std::mem::take(&mut *connected).iter().map(SocketAddr::ip).collect()
    }
}

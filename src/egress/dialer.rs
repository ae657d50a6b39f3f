//! From a URL to an open connection: judge, resolve, judge again, connect.
//!
//! All addresses of a name are judged before the first is tried, and one bad address refuses the name: an attacker's name
//! server answers with a public address beside a private one and leaves the choice to luck. The connection then goes to
//! the judged addresses themselves; asking again would let the name change its mind in between. Trying follows RFC 8305:
//! the families in turn, each address with a head start over the next.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use tokio::{net::TcpStream, time::timeout};
use url::{Host, Url};

use super::{Error, Policy, Reason, Refusal, Resolver, host, interface, meter};

/// How long an address may stay alone before the next is tried too (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How many addresses of a name are tried: enough for broken ones, too few to use this service for knocking on the doors
/// of everybody whom a name server lists.
const ATTEMPTS: usize = 8;

/// Opens a connection to an address: [`direct`], or what a test puts in its place.
pub type Connect = Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> + Send + Sync>;

/// Makes the connect that simply connects.
pub fn direct() -> Connect {
    Arc::new(|address| TcpStream::connect(address).boxed())
}

/// Dials sources, and nothing else.
#[derive(Clone)]
pub struct Dialer {
    policy: Arc<Policy>,
    resolver: Resolver,
    connect: Connect,
}

impl Dialer {
    /// Makes a dialer that goes where the policy lets it.
    pub fn new(policy: Arc<Policy>, resolver: Resolver, connect: Connect) -> Dialer {
        Dialer { policy, resolver, connect }
    }

    /// Gives the policy that is applied.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Opens a connection to the host and port of a URL, without delay for small writes. Has no clock of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] before anything was asked, or when the name resolves to any address that is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes whatever was being opened.
    pub async fn dial(&self, url: &Url) -> Result<TcpStream, Error> {
        self.policy.judge_url(url)?;
        let port = url.port_or_known_default().ok_or(Refusal::from(Reason::Port))?;
        let addresses = self.resolve(url).await?;
        for &address in &addresses {
            self.judge(SocketAddr::new(address, port))?;
        }
        let stream = self.race(in_turn(addresses), port).await.map_err(Error::of_connect)?;
        stream.set_nodelay(true).map_err(Error::of_connect)?;
        Ok(stream)
    }

    /// Gives the addresses of the host. A literal is its own; a resolver might read it otherwise.
    async fn resolve(&self, url: &Url) -> Result<Vec<IpAddr>, Error> {
        match url.host().ok_or(Refusal::from(Reason::Host))? {
            Host::Domain(domain) => {
                self.resolver.resolve(host::dns_name(domain).ok_or(Refusal::from(Reason::Host))?).await
            }
            Host::Ipv4(address) => Ok(vec![address.into()]),
            Host::Ipv6(address) => Ok(vec![address.into()]),
        }
    }

    fn judge(&self, address: SocketAddr) -> Result<(), Refusal> {
        self.policy.judge_address(address)?;
        if self.policy.listens_everywhere(address.port()) && interface::has(address.ip()) {
            return meter::counted(Err(Reason::Own.into()));
        }
        Ok(())
    }

    /// Tries the addresses until one accepts; fails with the first one's failure.
    async fn race(&self, addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
        let mut waiting = addresses.into_iter().take(ATTEMPTS);
        let mut attempts = FuturesUnordered::new();
        let mut failure = None;
        loop {
            if let Some(address) = waiting.next() {
                attempts.push((self.connect)(SocketAddr::new(address, port)));
            }
            let settled = if waiting.len() == 0 {
                attempts.next().await
            } else {
                match timeout(HEAD_START, attempts.next()).await {
                    Ok(settled) => settled,
                    Err(_) => continue,
                }
            };
            match settled {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => {
                    failure.get_or_insert(error);
                }
                None => return Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
            }
        }
    }
}

/// Orders addresses so that the families take turns, the one that the resolver prefers first, each address once.
fn in_turn(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    for position in 0..first.len().max(second.len()) {
        for family in [&first, &second] {
            if let Some(&address) = family.get(position).filter(|address| !ordered.contains(*address)) {
                ordered.push(address);
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = parse(&["2a00::1", "2a00::2", "2a00::2", "2a00::3", "1.1.1.1", "1.1.1.2", "1.1.1.1"]);
        assert_eq!(in_turn(given), parse(&["2a00::1", "1.1.1.1", "2a00::2", "1.1.1.2", "2a00::3"]));
        assert_eq!(in_turn(parse(&["1.1.1.1", "2a00::1"])), parse(&["1.1.1.1", "2a00::1"]));
        assert_eq!(in_turn(Vec::new()), Vec::<IpAddr>::new());
    }
}

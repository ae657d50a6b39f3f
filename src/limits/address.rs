//! From which address a request came, when proxies stand in between.
//!
//! ```text
//! X-Forwarded-For: forged, client, proxy 2      TCP peer: proxy 1
//!                          ◀──────── read from the right, as long as the hop on the right is trusted
//! ```
//! Every proxy appends the address that it was asked from, so what a client wrote itself stands on the left, where
//! nobody looks.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The header that proxies append to.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word on their clients' addresses is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Trusts the proxies in these networks.
    pub fn new(trusted: Vec<IpNet>) -> Proxies {
        Proxies(trusted.into_iter().map(canonical).collect())
    }

    /// The address that a request of these headers came from, over a connection from `peer`. Where an element cannot
    /// be read it is the address of the proxy that passed it on.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut hop = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let elements =
            lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','));
        // Empty elements of a list mean nothing (RFC 9110 §5.6.1).
        for element in elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()) {
            match read(element) {
                Some(address) if self.trusts(hop) => hop = address,
                _ => break,
            }
        }
        hop
    }

    fn trusts(&self, hop: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&hop))
    }
}

/// A network of IPv4 that is written as IPv6 (`::ffff:10.0.0.0/104`) as one of IPv4, as which its addresses are read.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let within = mapped.prefix_len().checked_sub(96).zip(mapped.addr().to_ipv4_mapped());
    within.and_then(|(length, address)| IpNet::new(address.into(), length).ok()).unwrap_or(network)
}

/// What an address is counted under: itself, or of IPv6 its /64, out of which one customer takes any address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// Reads `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]` or `[::1]:5`.
fn read(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client of a request over a connection from `peer`, where 10.0.0.0/8, fd00::/8 and 192.168.7.0/24 are trusted.
    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8", "::ffff:192.168.7.0/120"];
        let proxies = Proxies::new(trusted.map(|network| network.parse().unwrap()).to_vec());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_walk_begins_at_the_peer_and_ends_at_the_first_stranger() {
        for (peer, lines, expected) in [
            ("1.1.1.1", &[][..], "1.1.1.1"),
            ("1.1.1.1", &["2.2.2.2"], "1.1.1.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["2.2.2.2"], "2.2.2.2"),
            ("10.0.0.1", &["6.6.6.6, 2.2.2.2"], "2.2.2.2"),
            ("10.0.0.1", &["6.6.6.6, 10.6.6.6, 2.2.2.2, 10.0.0.2"], "2.2.2.2"),
            ("10.0.0.1", &["6.6.6.6", "2.2.2.2,10.0.0.2"], "2.2.2.2"),
            ("10.0.0.1", &["2.2.2.2", "10.0.0.3", "10.0.0.2"], "2.2.2.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("::ffff:10.0.0.1", &["::ffff:2.2.2.2"], "2.2.2.2"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("192.168.7.9", &["2.2.2.2, ::ffff:192.168.7.1"], "2.2.2.2"),
            ("192.168.8.1", &["2.2.2.2"], "192.168.8.1"),
            ("10.0.0.1", &["2.2.2.2,, ", ""], "2.2.2.2"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn ports_and_brackets_are_read_and_everything_else_ends_the_walk() {
        for (element, expected) in [
            ("2.2.2.2:80", "2.2.2.2"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("\t2.2.2.2 ", "2.2.2.2"),
            ("unknown", "10.0.0.1"),
            ("_hidden", "10.0.0.1"),
            ("2.2.2.2:99999", "10.0.0.1"),
            ("[2.2.2.2]", "10.0.0.1"),
            ("2.2.2.2 3.3.3.3", "10.0.0.1"),
            ("\u{e9}", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[&format!("6.6.6.6, {element}")]), expected, "{element}");
            assert_eq!(client("10.0.0.9", &[&format!("6.6.6.6,{element}, 10.0.0.1")]), expected, "{element}");
        }
    }

    #[test]
    fn ipv6_is_counted_by_the_64() {
        for (address, expected) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), expected);
        }
    }
}

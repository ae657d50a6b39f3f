//! The rules on where a request may go: a pure function of the configuration and the URL or address.
//!
//! No rule trusts another to have run. A literal address is judged already by its URL's text, since no resolver is asked
//! for it; an address that a name resolved to is judged again at each dial, since the answer may have changed.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

use super::{Config, HostPattern, Reason, Refusal, address, host, meter};

/// Where this service itself can be reached, which no source may be: it would ask itself without end.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The addresses it listens on.
    pub listen: Vec<SocketAddr>,
    /// The host and port of its public URL.
    pub public_host: Option<(String, u16)>,
}

/// The rules, ready to judge.
#[derive(Clone, Debug)]
pub struct Policy {
    allow: Vec<IpNet>,
    allow_hosts: Vec<HostPattern>,
    ports: Vec<u16>,
    listen: Vec<SocketAddr>,
    public_name: Option<(String, u16)>,
}

impl Policy {
    /// Makes the policy of a configuration and of the service that it protects.
    pub fn new(config: &Config, own: Own) -> Policy {
        let mut listen: Vec<SocketAddr> = own.listen;
        let public_name = own.public_host.and_then(|(host, port)| match parse_host(&host) {
            Host::Domain(name) => Some((name, port)),
            Host::Ipv4(address) => {
                listen.push(SocketAddr::from((address, port)));
                None
            }
            Host::Ipv6(address) => {
                listen.push(SocketAddr::from((address, port)));
                None
            }
        });
        meter::register();
        Policy {
            allow: config.allow.clone(),
            allow_hosts: config.allow_hosts.clone(),
            ports: config.ports.clone(),
            listen,
            public_name,
        }
    }

    /// Judges what the text of a URL tells: scheme, credentials, host and port. A literal address is judged in full.
    ///
    /// # Errors
    ///
    /// The first rule that refuses. A name's port is left to [`judge_address`](Self::judge_address) when networks are
    /// allowed, since these lift the port rule.
    pub fn judge_url(&self, url: &Url) -> Result<(), Refusal> {
        meter::counted(self.judge_text(url))
    }

    /// Judges an address and port that a connection would go to.
    ///
    /// # Errors
    ///
    /// The first rule that refuses: the service itself, the address, the port.
    pub fn judge_address(&self, address: SocketAddr) -> Result<(), Refusal> {
        meter::counted(self.judge_socket(address))
    }

    fn judge_text(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Reason::Scheme.into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Reason::Credentials.into());
        }
        let port = url.port_or_known_default().ok_or(Reason::Port)?;
        match url.host().ok_or(Reason::Host)? {
            Host::Domain(domain) => self.judge_name(host::dns_name(domain).ok_or(Reason::Host)?, port),
            Host::Ipv4(address) => self.judge_socket((address, port).into()),
            Host::Ipv6(address) => self.judge_socket((address, port).into()),
        }
    }

    fn judge_socket(&self, address: SocketAddr) -> Result<(), Refusal> {
        if self.is_own(address) {
            return Err(Reason::Own.into());
        }
        if address::is_mapped(address.ip()) {
            return Err(Reason::Address.into());
        }
        if self.allow.iter().any(|network| network.contains(&address.ip())) {
            return Ok(());
        }
        if !address::is_public(address.ip()) {
            return Err(Reason::Address.into());
        }
        self.judge_port(address.port())
    }

    /// Tells whether the service listens with this port on every interface of the machine.
    pub(super) fn listens_everywhere(&self, port: u16) -> bool {
        self.listen.iter().any(|own| own.port() == port && own.ip().is_unspecified())
    }

    fn judge_name(&self, name: &str, port: u16) -> Result<(), Refusal> {
        if self.public_name.as_ref().is_some_and(|own| own.0 == name && own.1 == port) {
            return Err(Reason::Own.into());
        }
        if host::is_special(name) && !self.allow_hosts.iter().any(|pattern| pattern.matches(name)) {
            return Err(Reason::Name.into());
        }
        if self.allow.is_empty() { self.judge_port(port) } else { Ok(()) }
    }

    fn judge_port(&self, port: u16) -> Result<(), Refusal> {
        if self.ports.contains(&port) { Ok(()) } else { Err(Reason::Port.into()) }
    }

    /// Tells whether a connection would end at this service. The unspecified address leads to the loopback; a listener on
    /// it accepts from there too.
    fn is_own(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.listen.iter().filter(|own| own.port() == address.port()).any(|own| {
            let own = own.ip().to_canonical();
            own == ip || own.is_unspecified() && leads_home(ip) || leads_home(own) && ip.is_unspecified()
        })
    }
}

/// Tells whether an address always means this machine.
fn leads_home(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// Reads a configured host the way the URL parser would, brackets around an IPv6 address or not, without a final dot.
fn parse_host(text: &str) -> Host {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Host::Ipv4(address),
        Ok(IpAddr::V6(address)) => Host::Ipv6(address),
        Err(_) => match Host::parse(text) {
            Ok(Host::Domain(domain)) => Host::Domain(domain.strip_suffix('.').unwrap_or(&domain).to_owned()),
            Ok(literal) => literal,
            Err(_) => Host::Domain(text.to_ascii_lowercase()),
        },
    }
}

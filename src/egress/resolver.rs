//! Names to addresses: by the system's resolver, or by name servers of the configuration's choice.
//!
//! Whoever answers, the answer is data of the client's: the dialer judges every address of it. The configured name servers
//! are asked for the full name only, without search domains or a hosts file, by UDP and, when the answer is too long, TCP.
//! Their answers are kept for as long as these say.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RecordType},
};
use tokio::time::timeout;

use super::{Error, system::System};

/// How long one round of questions may take. Two rounds stay below the usual dial clock of 5 s.
const ROUND: Duration = Duration::from_millis(1_500);

/// How often an unanswered round is repeated.
const REPEATS: usize = 1;

/// How long the second address family may stay silent once the first has answered. Some name servers never answer a
/// question for IPv6 addresses; most others are no slower with one family than with the other.
const PATIENCE: Duration = Duration::from_millis(500);

/// Finds the addresses of a name.
#[derive(Clone)]
pub struct Resolver(Source);

#[derive(Clone)]
enum Source {
    Nameservers(Arc<TokioResolver>),
    System(System),
}

impl Resolver {
    /// Makes a resolver that asks the name servers, or the system's when there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Unresolved`] when the DNS client cannot be set up.
    pub fn new(nameservers: &[SocketAddr]) -> Result<Resolver, Error> {
        if nameservers.is_empty() {
            return Ok(Resolver(Source::System(System::new())));
        }
        let servers = nameservers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.attempts = REPEATS;
        options.timeout = ROUND;
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Resolver(Source::Nameservers(Arc::new(builder.build().map_err(unresolved)?))))
    }

    /// Finds the addresses of a DNS name, in the order of preference, at least one.
    ///
    /// # Errors
    ///
    /// [`Error::Unresolved`].
    ///
    /// # Cancel safety
    ///
    /// May be dropped; a system lookup then runs to its end unheard.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let addresses: Vec<IpAddr> = match &self.0 {
            Source::Nameservers(resolver) => {
                let mut name = Name::from_ascii(name).map_err(|error| unresolved(error.into()))?;
                name.set_fqdn(true);
                ask_both_families(resolver, &name).await?
            }
            Source::System(system) => system.resolve(name).await.map_err(Error::of_lookup)?,
        };
        if addresses.is_empty() {
            Err(Error::Unresolved(io::ErrorKind::NotFound.into()))
        } else {
            Ok(addresses)
        }
    }
}

/// Asks for IPv6 and IPv4 addresses at once, and gives them in this order. A failure counts only when there are none; then
/// one that may pass counts for more than the word that a family has no address.
async fn ask_both_families(resolver: &TokioResolver, name: &Name) -> Result<Vec<IpAddr>, Error> {
    let mut questions: FuturesUnordered<_> = [RecordType::AAAA, RecordType::A]
        .map(|kind| resolver.lookup(name.clone(), kind))
        .into_iter()
        .collect();
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut failure: Option<NetError> = None;
    loop {
        let answer = if addresses.is_empty() {
            questions.next().await
        } else {
            timeout(PATIENCE, questions.next()).await.unwrap_or(None)
        };
        match answer {
            Some(Ok(lookup)) => {
                addresses.extend(lookup.answers().iter().filter_map(|record| record.data.ip_addr()))
            }
            Some(Err(error)) if failure.is_none() || !error.is_no_records_found() => failure = Some(error),
            Some(Err(_)) => {}
            None => break,
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv4);
    match failure {
        Some(error) if addresses.is_empty() => Err(unresolved(error)),
        Some(_) | None => Ok(addresses),
    }
}

fn unresolved(error: NetError) -> Error {
    let kind = if error.is_no_records_found() { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
    Error::of_lookup(io::Error::new(kind, error))
}

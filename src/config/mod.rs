//! What can be set: the sections of `config/default.toml`, made of every area's own configuration.
//!
//! Each area declares what it needs and what a lawful value is; here they are only put together.
//! `[server]` feeds two areas (the connection loop and the API), because to an operator they are one.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use crate::{api, archive, egress, fetch, limits, links, server, state, telemetry, value};

mod keys;
mod load;
mod shown;
mod tiers;

pub use keys::{KeyRefusal, NewKey, new_key};
pub use load::{Error, Problem, Sources, load};
pub use shown::Loaded;

/// Every setting of the process, legal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Looking ahead and probing.
    pub archive: archive::Config,
    /// Where sources may lie.
    pub egress: egress::Config,
    /// Clocks and attempts towards sources.
    pub fetch: fetch::Config,
    /// API keys.
    pub keys: Vec<limits::Key>,
    /// Stored descriptors.
    pub links: links::Config,
    /// Log lines.
    pub log: telemetry::Config,
    /// Numbers.
    pub metrics: telemetry::MetricsConfig,
    /// The client's side.
    pub server: Server,
    /// What nodes share.
    pub state: state::Config,
    /// Limits by kind of client.
    pub tiers: Tiers,
}

/// The `[server]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Bytes of request bodies that are read at the same time.
    pub bodies_total: value::ByteSize,
    /// Longest request body.
    pub body_limit: value::ByteSize,
    /// Time for a request's body.
    #[serde(with = "value::duration")]
    pub body_timeout: Duration,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Time for running downloads at the end.
    #[serde(with = "value::duration")]
    pub drain_timeout: Duration,
    /// Requests that one client address may send at once.
    pub flood_burst: u32,
    /// Requests a second that one client address may send; 0 lets all pass.
    pub flood_rate: u32,
    /// Time for a request's head.
    #[serde(with = "value::duration")]
    pub header_timeout: Duration,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Archives at the same time.
    pub max_archives: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Validations at the same time.
    pub max_validations: usize,
    /// Where clients reach the service, if that is told.
    #[serde(deserialize_with = "optional_url")]
    pub public_url: Option<Url>,
    /// The networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for a validation.
    #[serde(with = "value::duration")]
    pub validation_timeout: Duration,
    /// Time after which a reader that takes nothing is cut off.
    #[serde(with = "value::duration")]
    pub write_stall_timeout: Duration,
}

/// The `[tiers]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct Tiers {
    /// Clients without a key.
    pub anonymous: limits::Tier,
    /// Clients with a key of that tier.
    #[serde(flatten)]
    pub named: BTreeMap<String, limits::Tier>,
}

impl Config {
    /// The settings of the connection loop.
    pub fn server(&self) -> server::Config {
        let Server { drain_timeout, header_timeout, max_connections, write_stall_timeout, .. } = self.server;
        server::Config { drain_timeout, header_timeout, max_connections, write_stall_timeout }
    }

    /// The settings of the API.
    pub fn api(&self) -> api::Config {
        api::Config {
            bodies_total: usize::try_from(self.server.bodies_total.0).unwrap_or(usize::MAX),
            body_limit: usize::try_from(self.server.body_limit.0).unwrap_or(usize::MAX),
            body_timeout: self.server.body_timeout,
            cors_origins: self.server.cors_origins.clone(),
            flood: api::Flood { burst: self.server.flood_burst, rate: self.server.flood_rate },
            proxies: limits::Proxies::new(self.server.trusted_proxies.clone()),
        }
    }

    /// The limits of all kinds of clients.
    pub fn limits(&self) -> limits::Config {
        let Tiers { anonymous, named } = self.tiers.clone();
        limits::Config { anonymous, keys: self.keys.clone(), tiers: named }
    }

    /// Values that have the right type and still cannot work: key and reason.
    fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let Server { body_timeout, drain_timeout: _, header_timeout, write_stall_timeout, .. } = self.server;
        let anonymous = &self.tiers.anonymous;
        let url_is_ours = |url: &Url| {
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
        };
        let origin = |text: &String| {
            text == "*" || Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == *text)
        };
        let checks = [
            ("archive.probe_timeout", !self.archive.probe_timeout.is_zero(), LONGER),
            ("fetch.attempts", self.fetch.attempts > 0, AT_LEAST_ONE),
            ("fetch.connect_timeout", !self.fetch.connect_timeout.is_zero(), LONGER),
            ("fetch.first_byte_timeout", !self.fetch.first_byte_timeout.is_zero(), LONGER),
            ("fetch.idle_timeout", !self.fetch.idle_timeout.is_zero(), LONGER),
            ("fetch.min_rate_window", self.fetch.min_rate_window >= Duration::from_secs(1), A_SECOND),
            ("archive.compressors", self.archive.compressors <= MOST, AT_MOST),
            ("fetch.per_host", self.fetch.per_host > 0, AT_LEAST_ONE),
            ("fetch.per_host", self.fetch.per_host <= MOST, AT_MOST),
            ("fetch.segment_size", self.fetch.segment_size.0 > 0, AT_LEAST_ONE),
            ("fetch.segments", self.fetch.segments > 0, AT_LEAST_ONE),
            ("fetch.segments", self.fetch.segments <= MOST, AT_MOST),
            ("links.max", self.links.max > 0, AT_LEAST_ONE),
            ("links.max_bytes", self.links.max_bytes.0 > 0, AT_LEAST_ONE),
            ("links.max_bytes_per_client", self.links.max_bytes_per_client.0 > 0, AT_LEAST_ONE),
            ("links.max_per_client", self.links.max_per_client > 0, AT_LEAST_ONE),
            ("links.resume_window", self.links.resume_window >= Duration::from_secs(10), TEN_SECONDS),
            ("links.ttl", !self.links.ttl.is_zero(), LONGER),
            ("server.bodies_total", self.server.bodies_total.0 > 0, AT_LEAST_ONE),
            ("server.body_limit", self.server.body_limit.0 > 0, AT_LEAST_ONE),
            ("server.body_timeout", !body_timeout.is_zero(), LONGER),
            ("server.cors_origins", self.server.cors_origins.iter().all(origin), ORIGINS),
            ("server.flood_burst", self.server.flood_burst > 0, AT_LEAST_ONE),
            ("server.header_timeout", !header_timeout.is_zero(), LONGER),
            ("server.max_archives", self.server.max_archives > 0, AT_LEAST_ONE),
            ("server.max_archives", self.server.max_archives <= MOST, AT_MOST),
            ("server.max_connections", self.server.max_connections > 0, AT_LEAST_ONE),
            ("server.max_connections", self.server.max_connections <= MOST, AT_MOST),
            ("server.max_validations", self.server.max_validations > 0, AT_LEAST_ONE),
            ("server.max_validations", self.server.max_validations <= MOST, AT_MOST),
            ("server.public_url", self.server.public_url.as_ref().is_none_or(url_is_ours), WEB),
            ("server.validation_timeout", !self.server.validation_timeout.is_zero(), LONGER),
            ("server.write_stall_timeout", !write_stall_timeout.is_zero(), LONGER),
            ("tiers.anonymous.archive_size", anonymous.archive_size.0 > 0, AT_LEAST_ONE),
            ("tiers.anonymous.concurrent_archives", anonymous.concurrent_archives > 0, AT_LEAST_ONE),
            ("tiers.anonymous.files", anonymous.files > 0, AT_LEAST_ONE),
        ];
        checks.into_iter().filter(|(_, holds, _)| !holds).map(|(key, _, reason)| (key, reason)).collect()
    }

    /// Keys that do not go together: what would be wrong with each of them beside the others.
    fn conflicts(&self) -> Vec<Vec<(&'static str, String)>> {
        let links::Config { max_age, ttl, .. } = self.links;
        let shown = humantime::format_duration;
        let ages = vec![
            ("links.max_age", format!("must be at least links.ttl, which is {}", shown(ttl))),
            ("links.ttl", format!("must be at most links.max_age, which is {}", shown(max_age))),
        ];
        let listen = self.server.listen;
        let is_taken = listen.port() != 0 && self.metrics.listen == Some(listen);
        let listeners = vec![("metrics.listen", "must not be server.listen".to_owned())];
        let archive::Config { inline_size, prefetch_size, .. } = self.archive;
        let sizes = vec![
            (
                "archive.inline_size",
                format!("must be at most archive.prefetch_size, which is {prefetch_size}"),
            ),
            (
                "archive.prefetch_size",
                format!("must be at least archive.inline_size, which is {inline_size}"),
            ),
        ];
        [(max_age < ttl, ages), (is_taken, listeners), (inline_size > prefetch_size, sizes)]
            .into_iter()
            .filter_map(|(is_wrong, sides)| is_wrong.then_some(sides))
            .collect()
    }
}

/// The most of anything that is counted: beyond what any machine holds, and below what would overflow.
const MOST: usize = 1_000_000_000;

/// What is measured over less says nothing.
const A_SECOND: &str = "must be at least 1s";
const AT_LEAST_ONE: &str = "must be at least 1";
const AT_MOST: &str = "must be at most 1000000000";
const LONGER: &str = "must be longer than 0s";
const ORIGINS: &str = "must hold origins such as https://app.example.com, or \"*\"";
/// Nodes report to each other several times in it.
const TEN_SECONDS: &str = "must be at least 10s";
const WEB: &str = "must be an http or https URL without credentials";

/// Reads a URL, or none from an empty text.
fn optional_url<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    Url::parse(&text).map(Some).map_err(serde::de::Error::custom)
}

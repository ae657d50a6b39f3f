//! What can be set: the sections of `config/default.toml`, made of every area's own configuration.
//!
//! Each area declares what it needs and what a lawful value is; here they are only put together.
//! `[server]` feeds two areas (the connection loop and the API), because to an operator they are one.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use url::Url;

use crate::{api, archive, descriptor, egress, fetch, server, telemetry, value};

mod load;

pub use load::{Error, Loaded, Problem, Sources, load};

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
    /// Log lines.
    pub log: telemetry::Config,
    /// The client's side.
    pub server: Server,
    /// Limits by kind of client.
    pub tiers: Tiers,
}

/// The `[server]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
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
    /// Time for a request's head.
    #[serde(with = "value::duration")]
    pub header_timeout: Duration,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Archives at the same time.
    pub max_archives: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Where clients reach the service, if that is told.
    #[serde(deserialize_with = "optional_url")]
    pub public_url: Option<Url>,
    /// Time after which a reader that takes nothing is cut off.
    #[serde(with = "value::duration")]
    pub write_stall_timeout: Duration,
}

/// The `[tiers]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// Clients without a key.
    pub anonymous: Tier,
}

/// The limits of one kind of client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Longest archive, in bytes.
    pub archive_size: value::ByteSize,
    /// Entries of one descriptor.
    pub files: usize,
}

impl Config {
    /// The settings of the connection loop.
    pub fn server(&self) -> server::Config {
        let Server { drain_timeout, header_timeout, max_connections, write_stall_timeout, .. } = self.server;
        server::Config { drain_timeout, header_timeout, max_connections, write_stall_timeout }
    }

    /// The settings of the API.
    pub fn api(&self) -> api::Config {
        let tier = &self.tiers.anonymous;
        api::Config {
            archive: archive::Limits { size: tier.archive_size.0 },
            body_limit: usize::try_from(self.server.body_limit.0).unwrap_or(usize::MAX),
            body_timeout: self.server.body_timeout,
            cors_origins: self.server.cors_origins.clone(),
            descriptor: descriptor::Limits { files: tier.files },
        }
    }

    /// Values that have the right type and still cannot work: key and reason.
    fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let Server { body_timeout, drain_timeout: _, header_timeout, write_stall_timeout, .. } = self.server;
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
            ("fetch.min_rate_window", !self.fetch.min_rate_window.is_zero(), LONGER),
            ("fetch.per_host", self.fetch.per_host > 0, AT_LEAST_ONE),
            ("server.body_limit", self.server.body_limit.0 > 0, AT_LEAST_ONE),
            ("server.body_timeout", !body_timeout.is_zero(), LONGER),
            ("server.cors_origins", self.server.cors_origins.iter().all(origin), ORIGINS),
            ("server.header_timeout", !header_timeout.is_zero(), LONGER),
            ("server.max_archives", self.server.max_archives > 0, AT_LEAST_ONE),
            ("server.max_connections", self.server.max_connections > 0, AT_LEAST_ONE),
            ("server.public_url", self.server.public_url.as_ref().is_none_or(url_is_ours), WEB),
            ("server.write_stall_timeout", !write_stall_timeout.is_zero(), LONGER),
            ("tiers.anonymous.archive_size", self.tiers.anonymous.archive_size.0 > 0, AT_LEAST_ONE),
            ("tiers.anonymous.files", self.tiers.anonymous.files > 0, AT_LEAST_ONE),
        ];
        checks.into_iter().filter(|(_, holds, _)| !holds).map(|(key, _, reason)| (key, reason)).collect()
    }
}

const AT_LEAST_ONE: &str = "must be at least 1";
const LONGER: &str = "must be longer than 0s";
const ORIGINS: &str = "must hold origins such as https://app.example.com, or \"*\"";
const WEB: &str = "must be an http or https URL without credentials";

/// Reads a URL, or none from an empty text.
fn optional_url<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    Url::parse(&text).map(Some).map_err(serde::de::Error::custom)
}

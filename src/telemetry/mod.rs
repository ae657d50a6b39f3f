//! What the service tells its operators: log lines on stderr, as text or as JSON, and numbers for Prometheus.
//!
//! Stdout stays free for the two lines a human reads at the start.

mod metrics;
mod process;
mod series;

use std::io;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

pub use self::metrics::{Metrics, MetricsConfig};

/// The `[log]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The shape of a line.
    pub format: Format,
    /// The least severity that is written, also by area (`info,zipstream::fetch=debug`).
    pub level: Level,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For machines: one JSON object a line.
    Json,
    /// For people.
    Text,
}

/// A filter of log lines, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Level(String);

impl TryFrom<String> for Level {
    type Error = Error;

    /// Accepts what `tracing` reads as a filter; a lone word must be a severity, since `tracing` would
    /// take any other as the name of an area and then write nothing.
    fn try_from(text: String) -> Result<Level, Error> {
        let known = text.split(',').map(|part| part.rsplit('=').next().unwrap_or(part).trim());
        for word in known {
            if !["off", "error", "warn", "info", "debug", "trace"].contains(&word.to_lowercase().as_str()) {
                return Err(Error::Level(word.to_owned()));
            }
        }
        EnvFilter::try_new(&text).map_err(|_| Error::Level(text.clone()))?;
        Ok(Level(text))
    }
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter names no severity.
    #[error("`{0}` is none of off, error, warn, info, debug, trace")]
    Level(String),
}

/// Installs the process's subscriber. A second call changes nothing.
pub fn install(config: &Config) {
    let filter = EnvFilter::new(&config.level.0);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let outcome = match config.format {
        Format::Json => lines.json().flatten_event(true).try_init(),
        Format::Text => lines.with_ansi(false).try_init(),
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "logging was set up before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_names_a_severity() {
        for lawful in ["info", "WARN", "info,zipstream::fetch=debug", "off"] {
            assert!(Level::try_from(lawful.to_owned()).is_ok(), "{lawful}");
        }
        for other in ["", "loud", "zipstream", "info,fetch=much", "info,"] {
            assert!(Level::try_from(other.to_owned()).is_err(), "{other}");
        }
    }
}

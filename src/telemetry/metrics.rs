//! Numbers for Prometheus: the recorder behind the `metrics` macros of all areas, what each series means, and the text
//! that is scraped.
//!
//! `metrics` has one recorder for a process, so the first installation stands and later ones share it. Labels are
//! words of this program or names of its configuration: never a URL, a token, a client or anything else that a request
//! brings.

use std::{
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{process, series};

/// The `[metrics]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether anything is counted.
    pub enabled: bool,
    /// An address of its own for `/metrics`; `None` serves it beside everything else.
    #[serde(deserialize_with = "optional")]
    pub listen: Option<SocketAddr>,
}

/// Reads an address, or none from an empty text.
fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| D::Error::custom("must be an address with a port, or empty"))
}

/// How often samples of histograms are to be folded into their buckets, where nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder's reading end; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the process's recorder, or finds the one that is installed. `None` where another kind of recorder is.
    pub fn install() -> Option<Metrics> {
        /// What was installed: the recorder itself is the process's, so this is too.
        static INSTALLED: OnceLock<Option<Metrics>> = OnceLock::new();
        INSTALLED.get_or_init(Metrics::set_up).clone()
    }

    fn set_up() -> Option<Metrics> {
        let mut builder = PrometheusBuilder::new();
        for (name, buckets) in series::BUCKETS {
            // Fails only for an empty list of buckets.
            builder = builder.set_buckets_for_metric(Matcher::Full((*name).into()), buckets).ok()?;
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if let Err(error) = metrics::set_global_recorder(recorder) {
            tracing::warn!(%error, "no metrics: another recorder was set up before");
            return None;
        }
        series::describe();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics::gauge!("process_start_time_seconds").set(now.as_secs_f64());
        metrics::gauge!("zipstream_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Some(Metrics(handle))
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        process::observe();
        self.0.render()
    }

    /// Keeps the memory of samples small while nobody scrapes; never ends. Whoever runs it drops it.
    pub async fn keep(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }
}

//! What uses of keys and refusals leave behind: counts by name, one line in the log, and never a key.

use std::net::IpAddr;

use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use zipstream::limits::{self, Limits, Quota};

use super::*;
use crate::support::process::Process;
use crate::support::redis::Redis;

#[test]
fn uses_and_refusals_are_counted_without_naming_clients() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let anonymous = Tier { concurrent_archives: 1, ..tier(2) };
    let tiers = [("backup".to_owned(), tier(2))].into();
    let keys = vec![key("nightly", "backup", "zs_nightly")];
    let limits = Limits::new(limits::Config { anonymous, keys, tiers }, None);
    metrics::with_local_recorder(&recorder, || {
        let address = IpAddr::from([203, 0, 113, 1]);
        let nightly = limits.identify(Some(&"Bearer zs_nightly".parse().unwrap()), address).unwrap();
        limits.identify(Some(&"Bearer zs_other".parse().unwrap()), address).unwrap_err();
        let anonymous = limits.identify(None, address).unwrap();
        for client in [nightly, anonymous.clone()] {
            for _ in 0..5 {
                drop(limits.spend(&client, Quota::Archives).now_or_never().unwrap());
            }
        }
        let permit = limits.admit(&anonymous);
        assert!(limits.admit(&anonymous).is_err());
        drop(permit);
    });
    let told = recorder.handle().render();
    for line in [
        r#"zipstream_key_uses_total{key="nightly"} 1"#,
        r#"zipstream_quota_refusals_total{quota="archives",tier="backup"} 3"#,
        r#"zipstream_quota_refusals_total{quota="archives",tier="anonymous"} 3"#,
        r#"zipstream_quota_refusals_total{quota="concurrent-archives",tier="anonymous"} 1"#,
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
    assert!(!told.contains("203.0.113"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_once_that_redis_is_away_and_never_a_key() {
    let mut redis = Redis::start().await;
    let hash = key("nightly", "backup", "zs_nightly").to_string();
    let service = Process::start(&[
        ("ZIPSTREAM__KEYS", &hash),
        ("ZIPSTREAM__TIERS__BACKUP__ARCHIVES_PER_HOUR", "100"),
        ("ZIPSTREAM__STATE__URL", &redis.url()),
        ("ZIPSTREAM__LOG__LEVEL", "trace"),
    ]);
    let address = service.address;
    let ask = async |key: &str| {
        let request = Request::post(address, "/api/downloads").json(&hello());
        request.header("Authorization", &format!("Bearer {key}")).send().await
    };
    assert_granted(&ask("zs_nightly").await);
    assert_refused(&ask("zs_mistaken").await, 401, "invalid_api_key");
    redis.kill();
    for _ in 0..20 {
        assert_granted(&ask("zs_nightly").await);
    }
    let log = service.end();
    assert_eq!(log.matches("the shared quotas are out of reach").count(), 1, "{log}");
    assert_eq!(log.matches("archive sent").count(), 21, "{log}");
    for secret in ["zs_nightly", "zs_mistaken", &hash[hash.len() - 64..]] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

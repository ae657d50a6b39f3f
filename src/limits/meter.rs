//! What the operators are told of clients: which keys are used, and who is refused for what. Keys and tiers are told by
//! the names that the configuration gives them; clients without a key are never told apart.

use metrics::Counter;

use super::{ANONYMOUS, Config, Key, Quota, permit};

/// Makes the series stand at zero, so that the first event is seen as an increase.
pub(super) fn register(config: &Config) {
    config.keys.iter().for_each(|key| uses(key).absolute(0));
    for tier in config.tiers.keys().map(String::as_str).chain([ANONYMOUS]) {
        let quotas = [Quota::Archives, Quota::Validations].map(Quota::as_str);
        for policy in quotas.into_iter().chain([permit::ARCHIVES, permit::VALIDATIONS]) {
            refusals(policy, tier).absolute(0);
        }
    }
}

/// Counts a request with a key.
pub(super) fn note_use(key: &Key) {
    uses(key).increment(1);
}

/// Counts a refusal.
pub(super) fn note_refusal(policy: &'static str, tier: &str) {
    refusals(policy, tier).increment(1);
}

fn uses(key: &Key) -> Counter {
    metrics::counter!("zipstream_key_uses_total", "key" => key.name.clone())
}

fn refusals(policy: &'static str, tier: &str) -> Counter {
    metrics::counter!("zipstream_quota_refusals_total", "quota" => policy, "tier" => tier.to_owned())
}

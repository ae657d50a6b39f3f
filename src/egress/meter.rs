//! What the operators are told of refusals: how many, by the rule that spoke. Never a URL or an address.

use super::{Reason, Refusal};

/// The series of refusals.
const REFUSALS: &str = "zipstream_egress_refusals_total";

/// Makes the series stand at zero, so that the first refusal is seen as an increase.
pub(super) fn register() {
    for reason in Reason::ALL {
        metrics::counter!(REFUSALS, "reason" => reason.as_str()).absolute(0);
    }
}

/// Counts a verdict that is a refusal.
pub(super) fn counted<T>(verdict: Result<T, Refusal>) -> Result<T, Refusal> {
    verdict.inspect_err(|refusal| {
        metrics::counter!(REFUSALS, "reason" => refusal.reason.as_str()).increment(1);
    })
}

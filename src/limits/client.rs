//! A client, as its limits see it.

use std::{net::IpAddr, sync::Arc};

use super::{Error, Quota, Tier, network};

/// The name of the tier of clients without a key.
pub const ANONYMOUS: &str = "anonymous";

/// Who asks for something.
#[derive(Clone, Debug)]
pub struct Client {
    /// By what it is counted: `key:<name>` or `address:<network>`.
    pub id: String,
    /// The name of its tier.
    pub tier_name: String,
    /// What it may have.
    pub tier: Arc<Tier>,
}

impl Client {
    /// A client without a key, counted by its address; of IPv6 by the /64, which is one customer's.
    pub fn anonymous(address: IpAddr, tier: Arc<Tier>) -> Client {
        let id = match network(address) {
            IpAddr::V4(address) => format!("address:{address}"),
            IpAddr::V6(network) => format!("address:{network}/64"),
        };
        Client { id, tier_name: ANONYMOUS.into(), tier }
    }

    /// Refuses what its tier has nothing of, before anything is done for it.
    ///
    /// # Errors
    /// [`Error::ApiKeyRequired`] where only clients with a key are served.
    pub fn may(&self, quota: Quota) -> Result<(), Error> {
        if quota.hourly(&self.tier) == 0 { Err(Error::ApiKeyRequired) } else { Ok(()) }
    }
}

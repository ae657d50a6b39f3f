//! What a plan adds to a descriptor: small, and the same on every node once it is written down.

use serde::{Deserialize, Serialize};

use super::Head;

/// What was learnt from the sources, and the settings of that moment: a descriptor and its facts make the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// By the entry's index: what its source told; `None` where it was silent or is no HTTP source. A list that is
    /// shorter than the descriptor's says nothing of the rest.
    pub heads: Vec<Option<Head>>,
    /// By the entry's index: whether data of which the client leaves the compression to us is compressed already. A list
    /// that is shorter than the descriptor's says that the rest is not.
    #[serde(default)]
    pub compressed: Vec<bool>,
    /// The longest body that is read whole before its header, in bytes.
    pub inline_size: u64,
    /// The modification time of entries that nobody gave one, in Unix seconds.
    pub time: i64,
}

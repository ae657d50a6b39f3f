//! Plain values that configurations and messages are made of.
//!
//! Those of configurations read the notation an operator writes (`5GB`, `60s`) and print one that reads back as the same value,
//! so that the effective configuration can be shown and fed in again.

mod byte_size;
pub mod duration;
mod secret;
mod timestamp;

pub use byte_size::{ByteSize, ParseByteSizeError};
pub use secret::Secret;
pub use timestamp::rfc3339;

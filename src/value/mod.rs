//! Plain values that configurations and messages are made of.
//!
//! Those of configurations read the notation an operator writes (`5GB`, `60s`). `check-config` shows what was written, so
//! they need not be written back.

mod byte_size;
pub mod duration;
mod secret;
mod timestamp;

pub use byte_size::{ByteSize, ParseByteSizeError};
pub use secret::Secret;
pub use timestamp::rfc3339;

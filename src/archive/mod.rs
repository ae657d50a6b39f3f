//! From a descriptor to the bytes of an archive: probe, plan, look ahead, encode.
//!
//! ```text
//! Descriptor ──probe──▶ Plan ──▶ produce: for each entry, header · body · data descriptor ──▶ Stream
//!                        │            ▲
//!                        └─ prefetch ─┘  sources opened ahead of their turn, under the budgets
//! ```
//!
//! The stream is one future that pulls: whoever reads the archive drives the sources.
//! Dropping it closes them all. A failure ends it with an error and never with an end of central directory.

mod archives;
mod body;
mod check;
mod compress;
mod config;
mod failure;
mod prefetch;
mod probe;
mod produce;
mod slots;

pub use archives::{Archive, Archives, Limits, Stream};
pub use config::Config;
pub use failure::{FailedEntry, Failure, Fault, Reason};

//! From a descriptor to the bytes of an archive: probe, plan, look ahead, encode.
//!
//! ```text
//! Descriptor ──probe──▶ Plan ──▶ produce: for each entry, header · body · data descriptor ──▶ Stream
//!                        │            ▲
//!                        └─ prefetch ─┘  sources opened ahead of their turn, under the budgets
//! ```
//!
//! The stream is one future that pulls: whoever reads the archive drives the source whose turn it is, and tasks
//! beside it drive those that are asked ahead. Dropping it closes them all. A failure ends it with an error and
//! never with an end of central directory.

mod archives;
mod body;
mod check;
mod chunk;
mod compress;
mod config;
mod deflate;
mod deflating;
mod drivers;
mod failure;
mod hash;
mod ledger;
mod look;
mod meter;
mod park;
mod prefetch;
mod probe;
mod produce;
mod range;
mod slots;
mod tail;

pub use archives::{Archive, Archives, Forecast, Limits, Planned, Probed, Stream, foretell};
pub use config::Config;
pub use failure::{FailedEntry, Failure, Fault, Reason};
pub use ledger::Ledger;

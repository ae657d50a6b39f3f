//! Validations: what a download would be, without producing it.
//!
//! ```text
//! Draft ──▶ every legal file is asked for one byte ──▶ Findings ─┬─▶ Report
//!                                                      Plan ─────┘   sizes, limits, warnings
//! ```
//! What is asked, retried and refused is what an archive asks, retries and refuses, by the same code: a validation
//! that promised more or less than the download keeps would be worth nothing.

mod asking;
mod error;
mod report;
mod warning;

pub use asking::{Permit, Preflight};
pub use error::Error;
pub use report::{Finding, Limits, Planning, Report};
pub use warning::{Concern, Expiry, Warning};

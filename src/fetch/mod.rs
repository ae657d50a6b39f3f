//! Reading sources over HTTP/1.1: asked by range, followed through redirects, retried, resumed where they break.
//!
//! ```text
//! Reader (resume, segments) ──▶ open (probe) ──▶ retry ──▶ redirect ──▶ exchange ──▶ pool / egress::Dialer ──▶ TLS
//! ```
//!
//! A connection is driven by whoever reads its body, never by a task of its own: bytes cross no thread on their
//! way, dropping a body closes its socket at once, and a body that nobody asks for stays in the kernel.
//! Sources speak HTTP/1.1 only: unread HTTP/2 streams share one window and starve the one being read.

mod allowance;
mod answer;
mod backlog;
mod body;
mod client;
mod config;
mod connection;
mod content_range;
mod described;
mod error;
mod meter;
mod open;
mod pool;
mod rate;
mod reader;
mod redirect;
mod resume;
mod retry;
mod segment;
mod segments;
mod signature;
mod tls;
mod transport;

pub use allowance::{Allowance, Lane};
pub use answer::{TAG_MAX, unchanged};
pub use backlog::Backlog;
pub use client::Client;
pub use config::Config;
pub use described::Described;
pub use error::Error;
pub use open::{Ask, Opened};
pub use reader::Reader;
pub use signature::signature_end;
pub use tls::TrustError;

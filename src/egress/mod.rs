//! The way out: no request leaves the machine except through here.
//!
//! Clients name the URLs, so every one of them is an attempt to make this machine ask its own neighbourhood until shown
//! otherwise. A URL is judged by its text and by every address its name resolves to, at every dial; the connection goes to
//! the very addresses that were judged, never to a second lookup's.
//!
//! ```text
//! text ──▶ parse_url ──▶ Policy::judge_url ──▶ Resolver ──▶ Policy::judge_address (all) ──▶ Connect (to one of them)
//!                        scheme, credentials,   names only   global unicast, port,
//!                        host, name, port                    not this service
//! ```

mod address;
mod config;
mod dialer;
mod error;
mod host;
mod interface;
mod meter;
mod policy;
mod refusal;
mod resolver;
mod system;
mod text;

pub use config::Config;
pub use dialer::{Connect, Dialer, direct};
pub use error::Error;
pub use host::{HostPattern, InvalidPattern};
pub use policy::{Own, Policy};
pub use refusal::{Reason, Refusal};
pub use resolver::Resolver;
pub use text::{Malformed, check_characters, is_web, parse_url};

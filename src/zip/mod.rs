//! The ZIP format, written front to back: an encoder that never holds an entry's data and a layout that knows every
//! offset ahead of time.
//!
//! ```text
//! ┌ local file header ┬ data ┬ data descriptor? ┐ …entries… ┌ central directory ┬ zip64 end? ┬ end ┐
//! └──── begin ────────┴ passes by ┴─── end ─────┘           └───────────── finish ───────────────┘
//! ```
//!
//! Everything here is a pure function of the entries: no I/O, no clock, no async, so that the same plan gives the same
//! bytes anywhere. One file for each structure of APPNOTE 6.3.10.

mod central;
mod crc;
mod data_descriptor;
mod encoder;
mod end;
mod entry;
mod error;
mod extra;
mod layout;
mod local;
mod method;
mod name;
mod spec;
mod stored_blocks;
mod timestamp;

pub use crc::Crc32;
pub use encoder::Encoder;
pub use entry::{Content, Digest, Entry};
pub use error::{Error, Measure};
pub use layout::{Layout, Piece};
pub use method::Method;
pub use name::Name;
pub use stored_blocks::{BlockCutter, StoredBlocks, StoredPlace, store_blocks};
pub use timestamp::Timestamp;

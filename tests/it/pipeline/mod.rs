//! From descriptors to archives, through the whole service.

mod auto;
mod compression;
mod contents;
pub(crate) mod download;
mod drain;
mod failing;
mod interrupted;
mod large;
mod limits;
mod long;
mod lookahead;
mod manifest;
mod metadata;
mod mixed;
mod parts;
mod probing;
mod repair;
mod s3;
mod slow_readers;
mod whole;

//! From descriptors to archives, through the whole service.

mod contents;
mod download;
mod drain;
mod failing;
mod limits;
mod lookahead;
mod metadata;
mod probing;
mod repair;
mod s3;
mod slow_readers;
mod whole;

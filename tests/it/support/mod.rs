//! What the tests stand on: a scripted source server, raw clients, and a real S3 server.

pub mod client;
pub mod origin;
pub mod s3;
mod selftest;

//! What the tests stand on: a scripted source server, raw clients, and a real S3 server.

pub mod client;
pub mod origin;
mod selftest;

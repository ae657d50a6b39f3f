//! What the tests stand on: scripted servers that play the world around the service, raw clients, outside readers,
//! and a real S3 server.

pub mod app;
pub mod client;
pub mod dns;
pub mod origin;
pub mod readers;
mod selftest;

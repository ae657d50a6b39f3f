//! What the tests stand on: the real service, scripted servers that play the world around it, raw clients, outside
//! readers, a real Redis and a real S3 server.

mod app;
pub mod browser;
pub mod client;
pub mod dns;
pub mod origin;
pub mod process;
pub mod readers;
pub mod redis;
pub mod s3;
mod selftest;

pub use app::App;

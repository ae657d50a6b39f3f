//! ZipStream: one ZIP archive out of a list of URLs, while it is being downloaded.

pub mod api;
pub mod app;
pub mod config;
pub mod server;
pub mod telemetry;

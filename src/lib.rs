//! ZipStream: one ZIP archive out of a list of URLs, while it is being downloaded.

pub mod api;
pub mod app;
pub mod archive;
pub mod budget;
pub mod commands;
pub mod config;
pub mod descriptor;
pub mod egress;
pub mod fetch;
pub mod limits;
pub mod links;
pub mod plan;
pub mod preflight;
pub mod server;
pub mod state;
pub mod telemetry;
pub mod value;
pub mod verify;
pub mod zip;

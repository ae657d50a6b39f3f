//! The integration tests, one binary.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod config;
mod descriptor;
mod egress;
mod house;
mod pipeline;
mod server;
mod support;
mod zip;

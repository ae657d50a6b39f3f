//! The integration tests, one binary.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod config;
mod corpus;
mod descriptor;
mod egress;
mod house;
mod pipeline;
mod server;
mod support;
mod zip;

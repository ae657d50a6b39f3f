//! The integration tests, one binary.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod commands;
mod config;
mod corpus;
mod descriptor;
mod egress;
mod fetch;
mod house;
mod limits;
mod links;
mod operations;
mod pipeline;
mod preflight;
mod server;
mod stores;
mod support;
mod zip;

//! The integration tests, one binary.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod house;
mod support;

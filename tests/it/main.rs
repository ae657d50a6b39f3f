//! The integration tests, one binary.
// Nothing is exported from here, and the support has more words than the tests use at a time.
#![allow(dead_code, missing_docs, unreachable_pub)]
// A panic is how a test says no.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod house;
mod support;

//! The integration tests, one binary.

mod egress;
mod support;

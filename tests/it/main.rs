//! The integration tests, one binary.

mod descriptor;
mod egress;
mod support;
mod zip;

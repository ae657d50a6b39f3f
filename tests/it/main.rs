//! The integration tests, one binary.

mod descriptor;

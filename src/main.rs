//! The `zipstream` binary.

fn main() {}

//! What the binary does from the command line beside serving: making archives, and judging them.
//!
//! Exit codes, which cron and shells go by: 0 when all is as it should be, 1 when it is not, 64 (`EX_USAGE` of sysexits)
//! when what was given cannot be worked with. Stderr tells why, or how many sources were left out where they may be, and
//! is empty otherwise, but for a progress bar where it is a terminal.

mod destination;
mod pack;
mod progress;
mod signals;
mod verify;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

pub use pack::{Pack, pack};
pub use verify::{Verify, verify};

/// `EX_USAGE`: trying again without a change is of no use.
const USAGE: u8 = 64;

/// Writes a line to stderr. It may be closed; that is no reason not to go on.
fn complain(text: &dyn Display) {
    _ = writeln!(io::stderr(), "{text}");
}

/// Writes a line to stderr, and says that what was given cannot be worked with.
fn refuse(text: &dyn Display) -> ExitCode {
    complain(text);
    ExitCode::from(USAGE)
}

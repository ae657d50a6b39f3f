//! The command line as its users meet it: the real binary, its files, its exit code, its words.

mod interrupted;
mod pack;
mod verify;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The binary with these arguments; sources may be on the loopback.
fn zipstream(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zipstream"));
    command
        .args(arguments)
        .env_clear()
        .env("ZIPSTREAM__EGRESS__ALLOW", "127.0.0.0/8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end, with this on its stdin.
fn run(command: &mut Command, stdin: &[u8]) -> Output {
    finish(command.spawn().unwrap(), stdin)
}

/// Writes to a command and waits for its end.
fn finish(mut child: Child, stdin: &[u8]) -> Output {
    // A command that needs no more of it closes it.
    _ = child.stdin.take().unwrap().write_all(stdin);
    tokio::task::block_in_place(|| child.wait_with_output().unwrap())
}

/// Packs a descriptor from stdin to stdout.
fn pack(descriptor: &Value) -> Output {
    run(&mut zipstream(&["pack", "-"]), descriptor.to_string().as_bytes())
}

/// Packs a descriptor from stdin to a file.
fn pack_to(descriptor: &Value, to: &Path) -> Output {
    run(&mut zipstream(&["pack", "-", "-o", to.to_str().unwrap()]), descriptor.to_string().as_bytes())
}

/// The lines of stderr.
fn complaints(output: &Output) -> Vec<String> {
    String::from_utf8(output.stderr.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

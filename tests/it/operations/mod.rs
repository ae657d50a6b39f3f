//! What operators see: numbers, log lines, the interface's description, headers, the files under `config/`.
//!
//! Numbers and log lines belong to a process, so the service runs as the binary here.

mod balancer;
mod dashboards;
mod deployment;
mod description;
mod logs;
mod metrics;
mod numbers;
mod process;
mod reader;
mod security;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::process::Process;
use numbers::Numbers;
use serde_json::Value;

/// A program that `scripts/check` puts below `target`, or else the system's.
fn tool(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = ["target/tools", "target/venv/bin"].map(|folder| root.join(folder).join(name));
    Command::new(own.iter().find(|path| path.exists()).map_or(Path::new(name), |path| path))
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = tool("python3").args(["-c", script]).arg(path(name)).output().unwrap();
    judged(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn judged(output: &Output) {
    let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
}

/// Runs a judge that `scripts/check` installs.
fn judge(command: &mut Command) {
    judged(&command.output().expect("scripts/check installs it"));
}

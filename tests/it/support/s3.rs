//! A real S3 server (moto) with objects in it, and the AWS command line against it.
//!
//! `scripts/check` puts moto and the command line into `target/venv` where the system has none.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The bucket that archives are written to.
pub const DESTINATION: &str = "archives";

/// An object to be there from the beginning.
pub struct Object {
    pub bucket: &'static str,
    pub key: &'static str,
    pub bytes: Vec<u8>,
}

/// The server; dropping it ends it.
pub struct S3 {
    endpoint: String,
    /// A presigned GET URL of each object, in order.
    pub urls: Vec<String>,
    server: Child,
    folder: tempfile::TempDir,
}

impl Drop for S3 {
    fn drop(&mut self) {
        // It also ends by itself with its standard input, should this process be killed.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl S3 {
    /// Starts a server with these objects and an empty [`DESTINATION`].
    pub async fn start(objects: &[Object]) -> S3 {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = Vec::new();
        for (index, object) in objects.iter().enumerate() {
            let file = folder.path().join(index.to_string());
            std::fs::write(&file, &object.bytes).unwrap();
            asked.push(json!({ "bucket": object.bucket, "key": object.key, "file": file }));
        }
        let asked = json!({ "destination": DESTINATION, "objects": asked });
        let (server, told) = tokio::task::spawn_blocking(move || spawn(&asked)).await.unwrap();
        let urls =
            told["urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect();
        S3 { endpoint: told["endpoint"].as_str().unwrap().to_owned(), urls, server, folder }
    }

    /// Runs a shell line, in which `aws` is the AWS command line against this server; fails the test unless it succeeds.
    pub async fn shell(&self, line: &str) {
        let bin = program("aws").parent().unwrap_or(Path::new("")).to_owned();
        let path = std::env::var("PATH").unwrap();
        let path = if bin.as_os_str().is_empty() { path } else { format!("{}:{path}", bin.display()) };
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("set -euo pipefail; {line}")])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        // The service under test runs on this thread.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The folder in which [`S3::shell`] runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Starts the server; returns it and what it says.
fn spawn(asked: &Value) -> (Child, Value) {
    let mut server = Command::new(program("python3"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/s3.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there: scripts/check installs it");
    writeln!(server.stdin.as_mut().unwrap(), "{asked}").unwrap();
    let mut told = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let told = serde_json::from_str(&told).expect("moto and boto3 are there: scripts/check installs them");
    (server, told)
}

/// A program of `target/venv` when it is there, else the system's.
fn program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin").join(name);
    if own.exists() { own } else { PathBuf::from(name) }
}

/// The parts of an object that was uploaded in several have a `-` in its ETag; a whole one has none.
#[tokio::test]
async fn what_is_piped_into_the_server_comes_back() {
    let bytes = super::origin::pattern(1, 0..17 << 20);
    let s3 = S3::start(&[Object { bucket: "one", key: "a b/ü.bin", bytes: bytes.clone() }]).await;
    std::fs::write(s3.folder().join("url"), &s3.urls[0]).unwrap();
    s3.shell("curl -sSf \"$(cat url)\" | aws s3 cp - s3://archives/a.bin").await;
    s3.shell("aws s3 cp s3://archives/a.bin back; aws s3api head-object --bucket archives --key a.bin | grep -- '-3'").await;
    assert!(std::fs::read(s3.folder().join("back")).unwrap() == bytes);
}

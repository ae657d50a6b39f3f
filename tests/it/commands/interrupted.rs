//! What is left of an archive that a signal ends half-way: nothing.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{complaints, finish, names, zipstream};
use crate::pipeline::download::numbered;
use crate::support::origin::{Gate, Origin, Route};

/// How long what happens at once may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a signal.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until something holds.
async fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it never held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_half_way_removes_what_was_written() {
    let origin = Origin::start().await;
    let hangs = origin.serve("/hangs", Route::pattern(1, 8 << 20).hang(4 << 20));
    let descriptor = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&descriptor, numbered([&hangs]).to_string()).unwrap();
    for name in ["TERM", "INT", "HUP"] {
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("backup.zip");
        std::fs::write(&to, "yesterday's").unwrap();
        let paths = [descriptor.path(), &to].map(|path| path.to_str().unwrap());
        let child = zipstream(&["pack", paths[0], "-o", paths[1]]).spawn().unwrap();
        let largest = || {
            let files = std::fs::read_dir(directory.path()).unwrap();
            files.map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).max().unwrap()
        };
        until(|| largest() > 1 << 20).await;
        signal(&child, name);
        let output = finish(child, b"");
        assert_eq!(output.status.code(), Some(1), "{name}: {:?}", complaints(&output));
        assert_eq!(complaints(&output).len(), 1, "{name}");
        assert_eq!(names(directory.path()), ["backup.zip"], "{name}");
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "yesterday's", "{name}");
    }
}

/// As `nohup` starts it, and shells what they put into the background.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_was_ignored_from_the_beginning_stays_so() {
    let origin = Origin::start().await;
    let gate = Gate::closed();
    let url = origin.serve("/a", Route::pattern(1, 4 << 20).gate(1 << 20, &gate));
    let descriptor = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&descriptor, numbered([&url]).to_string()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("backup.zip");
    let line = format!(
        "trap '' HUP INT; exec {} pack {} -o {}",
        env!("CARGO_BIN_EXE_zipstream"),
        descriptor.path().display(),
        to.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env_clear().env("ZIPSTREAM__EGRESS__ALLOW", "127.0.0.0/8");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| names(directory.path()).len() == 1 && origin.sent_for("/a") >= 1 << 20).await;
    signal(&child, "HUP");
    signal(&child, "INT");
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    let output = finish(child, b"");
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(names(directory.path()), ["backup.zip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_heard_while_nobody_reads_the_pipe() {
    let origin = Origin::start().await;
    let descriptor = numbered([origin.serve("/a", Route::pattern(1, 64 << 20))]).to_string();
    let mut child = zipstream(&["pack", "-"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(descriptor.as_bytes()).unwrap();
    let mut stdout = child.stdout.take().unwrap();
    tokio::task::block_in_place(|| stdout.read_exact(&mut [0; 1000]).unwrap());
    // The kernel holds 64 KiB of the rest, the archive looks ahead until it is held up too.
    signal(&child, "TERM");
    let status = tokio::task::block_in_place(|| child.wait().unwrap());
    assert_eq!(status.code(), Some(1));
    drop(stdout);
}

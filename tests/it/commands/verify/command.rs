//! `zipstream verify` as a command: where it reads from, what it says, what it exits with.

use std::fs;
use std::process::{Command, Stdio};

use super::super::{complaints, run, zipstream};
use super::{every_form, line, listed};
use crate::zip::archive::{Part, encode};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_stdin_are_judged_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.zip");
    let archive = listed(&every_form(), line);
    fs::write(&path, &archive).unwrap();
    let shown = path.to_str().unwrap();
    let said =
        |name: &str| format!("{name}: sound, {} entries, as its manifest lists\n", every_form().len() + 1);

    let output = run(&mut zipstream(&["verify", shown]), b"");
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), said(shown));
    let output = run(&mut zipstream(&["verify", "-"]), &archive);
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), said("-"));
    let mut redirected = zipstream(&["verify", "-"]);
    let output = redirected.stdin(fs::File::open(&path).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));

    let mut damaged = archive;
    damaged[40] ^= 1;
    for output in [
        run(&mut zipstream(&["verify", "-"]), &damaged),
        // A configuration that is wrong is no reason not to judge.
        run(zipstream(&["verify", "-"]).env("ZIPSTREAM__NONSENSE__KEY", "1"), &damaged),
    ] {
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        assert!(complaints(&output)[0].starts_with("known.txt: "), "{:?}", complaints(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_of_another_name_and_none_at_all() {
    let parts = [Part::known("a", b"a")];
    let list = serde_json::json!({ "entries": [line(&parts[0])] }).to_string();
    let other = encode(&[parts[0].clone(), Part::known("list.json", list.as_bytes())], 1000);
    let none = encode(&parts, 1000);
    for (arguments, archive, code, says) in [
        (&["--manifest", "list.json"][..], &other, 0, "as its manifest lists"),
        (&[], &other, 1, ""),
        (&["--no-manifest"], &other, 0, "not held against a manifest"),
        (&["--no-manifest"], &none, 0, "not held against a manifest"),
        (&[], &none, 1, ""),
        (&["--manifest", "x", "--no-manifest"], &none, 2, ""),
    ] {
        let output = run(&mut zipstream(&[&["verify", "-"], arguments].concat()), archive);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {:?}", complaints(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(says), "{arguments:?}");
        assert_eq!(complaints(&output).is_empty(), code == 0, "{arguments:?}");
    }
    let mut damaged = none;
    damaged[31] ^= 1;
    let output = run(&mut zipstream(&["verify", "-", "--no-manifest"]), &damaged);
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_not_judged() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.zip");
    for path in [missing.as_path(), directory.path()] {
        let output = run(&mut zipstream(&["verify", path.to_str().unwrap()]), b"");
        assert_eq!((output.status.code(), complaints(&output).len()), (Some(64), 1), "{path:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_how_far_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.zip");
    fs::write(&path, listed(&[Part::known("a", &vec![7; 20 << 20])], line)).unwrap();
    let line = format!("{} verify {} >&2", env!("CARGO_BIN_EXE_zipstream"), path.display());
    let mut script = Command::new("script");
    let output =
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env("TERM", "xterm").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("MiB") && said.contains("sound"), "{said}");
}

//! `zipstream pack`: the archive, where it goes, and what is left when there is none.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{complaints, names, pack, pack_to, run, zipstream};
use crate::pipeline::download::{assert_whole, contents, numbered, post};
use crate::support::App;
use crate::support::origin::{Gate, Origin, Route, pattern};

/// Sources of every kind, and the times that make two archives of them equal.
fn mixed(origin: &Origin) -> Value {
    let dated = |route: Route| route.etag("\"v1\"").last_modified("Thu, 19 Nov 2026 23:00:00 GMT");
    let small = origin.serve("/small", dated(Route::pattern(1, 1000)));
    let long = origin.serve("/long", dated(Route::pattern(2, 3 << 20)));
    let chunked = origin.serve("/chunked", dated(Route::pattern(3, 200_000).ignores_ranges().chunked()));
    let time = "2026-11-19T23:00:00Z";
    json!({ "files": [
        { "url": small, "zipPath": "small.bin" },
        { "url": long, "zipPath": "a/long.bin" },
        { "url": chunked, "zipPath": "a/chunked.bin", "compression": "DEFLATE" },
        { "url": "data:,inline", "zipPath": "inline.txt", "lastModified": time, "mode": "0600" },
        { "zipPath": "empty/", "lastModified": time },
    ]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_that_of_a_download() {
    let (origin, app) = (Origin::start().await, App::start().await);
    let descriptor = mixed(&origin);
    let answer = post(&app, &descriptor).send().await;
    let bodies = [pattern(1, 0..1000), pattern(2, 0..3 << 20), pattern(3, 0..200_000)];
    let bodies = [&bodies[0][..], &bodies[1][..], &bodies[2][..], b"inline", b""];
    assert_whole(&answer, &bodies, "the download");
    let output = pack(&descriptor);
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert!(output.stdout == answer.body, "stdout differs from the download");

    let directory = tempfile::tempdir().unwrap();
    let (file, to) = (directory.path().join("descriptor.json"), directory.path().join("b.zip"));
    fs::write(&file, descriptor.to_string()).unwrap();
    let output = run(&mut zipstream(&["pack", file.to_str().unwrap(), "-o", to.to_str().unwrap()]), b"");
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert!(output.stdout.is_empty());
    assert!(fs::read(&to).unwrap() == answer.body, "the file differs from the download");
    assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_tiers_and_of_bodies_do_not_apply() {
    let origin = Origin::start().await;
    let url = origin.serve("/a", Route::bytes("a"));
    let mut command = zipstream(&["pack", "-"]);
    command.env("ZIPSTREAM__TIERS__ANONYMOUS__FILES", "2");
    command.env("ZIPSTREAM__TIERS__ANONYMOUS__ARCHIVE_SIZE", "1B");
    command.env("ZIPSTREAM__SERVER__BODY_LIMIT", "10B");
    let output = run(&mut command, numbered(vec![url; 60]).to_string().as_bytes());
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(contents(&output.stdout).len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_file_is_replaced_by_a_whole_archive_only() {
    let origin = Origin::start().await;
    let long = origin.serve("/long", Route::pattern(1, 3 << 20));
    let missing = origin.serve("/missing", Route::status(404));
    // Known only when most of the archive is written: it tells no validator to go on under.
    let cut = origin.serve("/cut", Route::pattern(2, 3 << 20).ignores_ranges().cut(2 << 20));
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("backup.zip");
    fs::write(&to, "yesterday's").unwrap();
    for (sources, code) in [([&long, &missing], "source_status"), ([&long, &cut], "source_truncated")] {
        let output = pack_to(&numbered(sources), &to);
        let [line] = &complaints(&output)[..] else { panic!("{:?}", complaints(&output)) };
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(line.starts_with(&format!("{code}: files[1] (1): ")), "{line}");
        assert_eq!(fs::read_to_string(&to).unwrap(), "yesterday's", "{code}");
        assert_eq!(names(directory.path()), ["backup.zip"], "{code}");
    }
    let output = pack_to(&numbered([&long]), &to);
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(contents(&fs::read(&to).unwrap())[0].1, pattern(1, 0..3 << 20));
    assert_eq!(names(directory.path()), ["backup.zip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_leaves_stdout_without_an_end() {
    let origin = Origin::start().await;
    let first = origin.serve("/first", Route::pattern(1, 2 << 20));
    let cut = origin.serve("/cut", Route::pattern(2, 3 << 20).ignores_ranges().cut(2 << 20));
    let output = pack(&numbered([&first, &cut]));
    assert_eq!(output.status.code(), Some(1));
    assert!(complaints(&output)[0].starts_with("source_truncated: files[1] (1): "));
    assert!(output.stdout.len() > 2 << 20, "{}", output.stdout.len());
    assert!(!output.stdout.windows(4).any(|bytes| bytes == b"PK\x05\x06" || bytes == b"PK\x01\x02"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_descriptor_is_told_in_full_and_nothing_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("backup.zip");
    let descriptor = json!({ "files": [
        { "url": "data:,a", "zipPath": "../a" },
        { "url": "http://10.0.0.1/?token=secret", "zipPath": "b", "surprise": 1 },
    ]});
    let output = pack_to(&descriptor, &to);
    let lines = complaints(&output);
    assert_eq!(output.status.code(), Some(64), "{lines:?}");
    let begins = ["/files/0/zipPath: invalid_zip_path: ", "/files/1/url: forbidden_url: "];
    for begin in begins.iter().chain(&["/files/1/surprise: unknown_field: "]) {
        assert!(lines.iter().any(|line| line.starts_with(begin)), "{begin}: {lines:?}");
    }
    assert!(lines.len() == 3 && !lines.concat().contains("secret"), "{lines:?}");
    assert!(names(directory.path()).is_empty());
    let output = run(&mut zipstream(&["pack", "-"]), b"no JSON");
    assert_eq!(output.status.code(), Some(64));
    assert!(
        complaints(&output)[0].starts_with("the descriptor: invalid_json: "),
        "{:?}",
        complaints(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_worked_with_is_refused_before_any_source_is_asked() {
    let origin = Origin::start().await;
    let descriptor = numbered([origin.serve("/a", Route::bytes("a"))]).to_string();
    let directory = tempfile::tempdir().unwrap();
    let within = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (missing, unknown, folder) = (within("missing/b.zip"), within("unknown.json"), within("folder/."));
    let own = directory.path().to_str().unwrap();
    for arguments in [
        &["-", "-o", &missing][..],
        &["-", "-o", &folder],
        &["-", "-o", own],
        &["-", "-o", "/dev/null"],
        &[&unknown],
    ] {
        let output = run(&mut zipstream(&[&["pack"], arguments].concat()), descriptor.as_bytes());
        assert_eq!((output.status.code(), complaints(&output).len()), (Some(64), 1), "{arguments:?}");
    }
    let output = run(zipstream(&["pack", "-"]).env("ZIPSTREAM__FETCH__ATTEMPTS", "x"), descriptor.as_bytes());
    assert_eq!(output.status.code(), Some(64));
    assert!(complaints(&output).concat().contains("fetch.attempts"));
    assert_eq!(origin.requests().len(), 0);
    // The policy is the service's.
    let output = run(zipstream(&["pack", "-"]).env_clear(), descriptor.as_bytes());
    assert_eq!(output.status.code(), Some(64));
    assert!(complaints(&output)[0].starts_with("/files/0/url: forbidden_url: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_no_archive() {
    // `script` gives a command a terminal for its stdout.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("descriptor.json");
    fs::write(&file, numbered(["data:,a"]).to_string()).unwrap();
    let line = format!("{} pack {}", env!("CARGO_BIN_EXE_zipstream"), file.display());
    let mut script = std::process::Command::new("script");
    let output =
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env("TERM", "xterm").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("not written to a terminal") && !said.contains("PK"), "{said}");
    // With a file to write to it shows its progress there.
    let line = format!("{line} -o {}", directory.path().join("b.zip").display());
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 files"), "{:?}", output.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_enough_ends_it_quietly() {
    let origin = Origin::start().await;
    let descriptor = numbered([origin.serve("/a", Route::pattern(1, 64 << 20))]).to_string();
    let mut child = zipstream(&["pack", "-"]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), descriptor.as_bytes()).unwrap();
    tokio::task::block_in_place(|| stdout.read_exact(&mut [0; 1000]).unwrap());
    drop(stdout);
    let output = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
    assert_eq!((output.status.code(), complaints(&output)), (Some(1), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told() {
    let descriptor = tempfile::NamedTempFile::new().unwrap();
    fs::write(descriptor.path(), numbered(["data:,a"]).to_string()).unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = zipstream(&["pack", descriptor.path().to_str().unwrap()]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaints(&output)[0].starts_with("the archive cannot be written: "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_stays_one_and_a_new_file_has_the_usual_permissions() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("file.zip"), directory.path().join("link.zip"));
    assert_eq!(pack_to(&numbered(["data:,a"]), &file).status.code(), Some(0));
    let usual = directory.path().join("usual");
    fs::write(&usual, "").unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file), mode(&usual));
    symlink("file.zip", &link).unwrap();
    assert_eq!(pack_to(&numbered(["data:,b"]), &link).status.code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(contents(&fs::read(&file).unwrap())[0].1, b"b");
    // One to a file that is not there yet, by way of another.
    let far = directory.path().join("far.zip");
    symlink("link.zip", &far).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(pack_to(&numbered(["data:,c"]), &far).status.code(), Some(0));
    assert!([&far, &link].into_iter().all(|path| fs::symlink_metadata(path).unwrap().is_symlink()));
    assert_eq!(contents(&fs::read(&file).unwrap())[0].1, b"c");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_keeps_its_permissions_also_while_it_is_written() {
    let origin = Origin::start().await;
    let hangs = origin.serve("/hangs", Route::pattern(1, 4 << 20).hang(2 << 20));
    let whole = numbered(["data:,a"]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for kept in [0o600, 0o640, 0o666, 0o444] {
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("backup.zip");
        fs::write(&to, "yesterday's").unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(kept)).unwrap();
        let mut child = zipstream(&["pack", "-", "-o", to.to_str().unwrap()]).spawn().unwrap();
        let descriptor = numbered([&hangs]).to_string();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), descriptor.as_bytes()).unwrap();
        let part = || names(directory.path()).into_iter().find(|name| name.ends_with(".part"));
        while part().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let written = mode(&directory.path().join(part().unwrap()));
        assert_eq!(written & !kept, 0, "{written:o} while {kept:o} is written");
        child.kill().unwrap();
        tokio::task::block_in_place(|| child.wait().unwrap());
        assert_eq!(pack_to(&whole, &to).status.code(), Some(0));
        assert_eq!(mode(&to), kept, "{kept:o}");
        assert_eq!(contents(&fs::read(&to).unwrap())[0].1, b"a");
    }
}

/// Whoever lets sources be left out learns of it, by cron's mail for one.
#[tokio::test(flavor = "multi_thread")]
async fn sources_that_are_left_out_are_told() {
    let origin = Origin::start().await;
    let [here, missing] = [origin.serve("/a", Route::bytes("a")), origin.serve("/b", Route::status(404))];
    let mut descriptor = numbered([&here, &missing, &here, &missing]);
    descriptor["files"].as_array_mut().unwrap().push(json!({ "zipPath": "directory/" }));
    descriptor["onSourceError"] = json!("skip");
    for name in ["MANIFEST.json", "about/list.json"] {
        descriptor["manifest"] = json!({ "zipPath": name });
        let output = pack(&descriptor);
        let line = format!("2 of 4 sources left out; see {name}");
        assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![line]));
        assert_eq!(contents(&output.stdout).len(), 4);
    }
    descriptor["files"].as_array_mut().unwrap().retain(|file| file["url"] != json!(missing));
    let output = pack(&descriptor);
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
}

/// A name that cannot be taken once all is written costs nobody the hours that it took.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_is_kept_when_its_name_cannot_be_taken() {
    let (origin, gate) = (Origin::start().await, Gate::closed());
    let url = origin.serve("/a", Route::pattern(1, 300_000).gate(1000, &gate));
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("backup.zip");
    let mut child = zipstream(&["pack", "-", "-o", to.to_str().unwrap()]).spawn().unwrap();
    let descriptor = numbered([&url]).to_string();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), descriptor.as_bytes()).unwrap();
    origin.until("it is asked", |origin| origin.answering() == 1).await;
    fs::create_dir(&to).unwrap();
    gate.open();
    let output = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
    let [complaint] = &complaints(&output)[..] else { panic!("{output:?}") };
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    let part = names(directory.path()).into_iter().find(|name| name.ends_with(".part")).unwrap();
    assert!(complaint.contains(&part), "{complaint}");
    let whole = fs::read(directory.path().join(part)).unwrap();
    assert!(contents(&whole)[0].1 == pattern(1, 0..300_000));
}

#[test]
fn names_may_be_as_long_as_they_can() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join(format!("{}.zip", "é".repeat(125)));
    let output = run(
        &mut zipstream(&["pack", "-", "-o", to.to_str().unwrap()]),
        numbered(["data:,a"]).to_string().as_bytes(),
    );
    assert_eq!((output.status.code(), complaints(&output)), (Some(0), vec![]));
    assert_eq!(contents(&fs::read(&to).unwrap())[0].1, b"a");
}

//! A download that breaks goes on where it stopped: with real clients behind a network that cuts, on one node and over
//! two, and after a node was killed.

use std::{net::SocketAddr, path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Command;

use super::{browser::fails, cutter::Cutter, get, mint, nodes::pair};
use crate::{
    pipeline::download::{assert_whole, contents, numbered},
    support::{
        App,
        browser::Browser,
        client::Request,
        origin::{Origin, Route, pattern},
        process::Process,
        redis::Redis,
    },
};

const LENGTHS: [u64; 4] = [20 << 20, 50_000, 9 << 20, 70_000];

/// Sources long enough for checkpoints, and short ones between them.
fn proven(origin: &Origin) -> Value {
    numbered(LENGTHS.iter().enumerate().map(|(seed, length)| {
        let route = Route::pattern(seed as u64, *length).etag(format!("\"{seed}\""));
        origin.serve(&format!("/{seed}"), route)
    }))
}

/// The same as forward-only readers can read it, with a manifest.
fn proving(origin: &Origin) -> Value {
    let mut descriptor = proven(origin);
    (descriptor["streamable"], descriptor["manifest"]) = (json!(true), json!({}));
    descriptor
}

fn bodies() -> Vec<Vec<u8>> {
    LENGTHS.iter().enumerate().map(|(seed, length)| pattern(seed as u64, 0..*length)).collect()
}

/// Reads a link's archive, hanging up after so many bytes each time.
async fn in_pieces(nodes: &[SocketAddr], path: &str, cuts: impl Iterator<Item = usize>) -> Vec<u8> {
    let (mut bytes, mut etag) = (Vec::new(), String::new());
    for (cut, node) in cuts.zip(nodes.iter().cycle()) {
        let mut request = Request::get(*node, path);
        if !bytes.is_empty() {
            request = request.header("range", &format!("bytes={}-", bytes.len())).header("if-range", &etag);
        }
        let mut reading = request.open().await;
        assert_eq!(reading.status, if bytes.is_empty() { 200 } else { 206 });
        etag = reading.header("etag").unwrap().to_owned();
        bytes.extend(reading.take(cut).await);
    }
    let rest = Request::get(nodes[0], path).header("range", &format!("bytes={}-", bytes.len())).send().await;
    assert_eq!(rest.status, 206);
    assert!(rest.is_whole());
    bytes.extend(rest.body);
    bytes
}

/// Twenty cuts that leave something for the end.
fn cuts() -> impl Iterator<Item = usize> {
    let mut random = fastrand::Rng::with_seed(4);
    (0..20).map(move |_| random.usize(1..1_450_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_cuts_leave_the_same_archive() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let link = mint(app.address(), &proven(&origin)).await;
    let bytes = in_pieces(&[app.address()], &link.path, cuts()).await;
    let whole = get(app.address(), &link).await;
    assert_whole(&whole, &bodies(), "uninterrupted");
    assert!(bytes == whole.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_cuts_over_two_nodes_leave_the_same_archive() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let origin = Origin::start().await;
    let link = mint(here.address(), &proven(&origin)).await;
    let bytes = in_pieces(&[here.address(), there.address()], &link.path, cuts()).await;
    let whole = get(there.address(), &link).await;
    assert_whole(&whole, &bodies(), "uninterrupted");
    assert!(bytes == whole.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_cuts_over_two_nodes_leave_the_same_proof() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let origin = Origin::start().await;
    let link = mint(here.address(), &proving(&origin)).await;
    let bytes = in_pieces(&[here.address(), there.address()], &link.path, cuts()).await;
    let whole = get(there.address(), &link).await;
    let manifest = contents(&whole.body).pop().unwrap().1;
    assert_whole(&whole, &[bodies(), vec![manifest]].concat(), "uninterrupted");
    assert!(bytes == whole.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_goes_on_after_a_killed_one() {
    let redis = Redis::start().await;
    let node = || Process::start(&[("ZIPSTREAM__STATE__URL", &redis.url())]);
    let (first, second) = (node(), node());
    let origin = Origin::start().await;
    let link = mint(first.address, &proven(&origin)).await;
    let mut reading = Request::get(first.address, &link.path).open().await;
    let mut bytes = reading.take(18 << 20).await;
    // SIGKILL: whatever it had not written down is lost.
    drop(first);
    drop(reading);
    let from = format!("bytes={}-", bytes.len());
    let before = origin.sent_for("/0");
    let rest = Request::get(second.address, &link.path).header("range", &from).send().await;
    assert_eq!(rest.status, 206);
    // At the least the checkpoint at 8 MiB was written down long ago.
    let read_again = origin.sent_for("/0") - before;
    assert!(read_again <= (12 << 20) + (1 << 19), "{read_again}");
    bytes.extend(&rest.body);
    let whole = get(second.address, &link).await;
    assert_whole(&whole, &bodies(), "uninterrupted");
    assert!(bytes == whole.body);
    // And after a restart of all nodes, to the tag.
    drop(second);
    let third = node();
    let etag = whole.header("etag").unwrap();
    let request = Request::get(third.address, &link.path).header("range", &from).header("if-range", etag);
    let again = request.send().await;
    assert_eq!((again.status, again.header("etag")), (206, Some(etag)));
    assert!(again.body == rest.body);
}

/// Runs a client until it says that all is there.
async fn fetch(program: &str, arguments: &[&str], file: &Path, cutter: &Cutter) -> Vec<u8> {
    for _ in 0..60 {
        let status = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .unwrap_or_else(|error| panic!("{program}: {error}: apt-get install curl wget aria2"));
        if status.success() {
            assert!(cutter.is_spent(), "{program} was not cut often enough");
            return std::fs::read(file).unwrap();
        }
    }
    panic!("{program} never ends");
}

/// Downloads through a network that cuts, with each client that goes on by itself or by being started again.
async fn clients_go_on(nodes: &[SocketAddr], descriptor: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive.zip");
    let (path, name) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let curl = ["-f", "-s", "-C", "-", "-o", path];
    let wget = ["-q", "-c", "--tries=1", "-O", path];
    let aria2 = [
        "-q",
        "-x4",
        "-s4",
        "-k1M",
        "--max-tries=1",
        "--allow-overwrite=true",
        "-d",
        name,
        "-o",
        "archive.zip",
    ];
    for (program, arguments) in [("curl", &curl[..]), ("wget", &wget), ("aria2c", &aria2)] {
        let link = mint(nodes[0], descriptor).await;
        let cutter = Cutter::over(nodes.to_vec(), cuts().collect()).await;
        let url = cutter.url(&link.path);
        let arguments: Vec<&str> = arguments.iter().copied().chain([url.as_str()]).collect();
        let bytes = fetch(program, &arguments, &file, &cutter).await;
        let whole = get(nodes[0], &link).await;
        assert_whole(&whole, &bodies(), program);
        assert!(bytes == whole.body, "{program}");
        std::fs::remove_file(&file).unwrap();
    }
}

/// The same sources, of which everything is declared.
fn declared(origin: &Origin) -> Value {
    let mut descriptor = proven(origin);
    for (file, body) in descriptor["files"].as_array_mut().unwrap().iter_mut().zip(bodies()) {
        let mut crc32 = zipstream::zip::Crc32::new();
        crc32.update(&body);
        (file["size"], file["crc32"]) = (json!(body.len()), json!(format!("{:08x}", crc32.value())));
    }
    descriptor
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_wget_and_aria2_go_on_through_a_network_that_cuts() {
    let (app, origin) = (App::start().await, Origin::start().await);
    clients_go_on(&[app.address()], &proven(&origin)).await;
    clients_go_on(&[app.address()], &declared(&origin)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_wget_and_aria2_go_on_from_node_to_node() {
    let redis = Redis::start().await;
    let [here, there] = pair(&redis).await;
    let origin = Origin::start().await;
    let nodes = [here.address(), there.address()];
    clients_go_on(&nodes, &proven(&origin)).await;
    clients_go_on(&nodes, &declared(&origin)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_goes_on_by_its_resume_button() {
    let (app, origin, browser) = (App::start().await, Origin::start().await, Browser::start().await);
    let mut descriptor = proven(&origin);
    descriptor["suggestedFilename"] = json!("Résumé.zip");
    let link = mint(app.address(), &descriptor).await;
    // It goes on by itself a few times, until it takes the network for broken and leaves it to its user.
    let cutter = Cutter::start(app.address(), vec![1 << 20; 25]).await;
    browser.open(&cutter.url(&link.path)).await;
    browser.downloads_something().await;
    let failed = fails(&browser, &link).await;
    assert_eq!((&failed["resume"], &failed["retry"]), (&json!(true), &json!(false)), "{failed}");
    assert_eq!(browser.landed(), ["Résumé.zip.crdownload"]);
    assert!(!cutter.is_spent());
    let by_itself = cutter.asked(&link.path).len();
    cutter.mend();
    browser.click("the menu", &part_of_item("more-actions")).await;
    browser.click("Resume", &part_of_item("pause-or-resume")).await;
    let bytes = browser.downloaded("Résumé.zip").await;
    let whole = get(app.address(), &link).await;
    assert_whole(&whole, &bodies(), "uninterrupted");
    assert!(bytes == whole.body);
    let asked = cutter.asked(&link.path);
    assert_eq!(asked.len(), by_itself + 1, "{asked:?}");
    let had = goes_on(&asked, whole.header("etag").unwrap());
    // An answer from the start would have brought again what was there.
    assert!(cutter.brought() < bytes.len() + had, "{} for {}, from {had}", cutter.brought(), bytes.len());
}

/// The first request is for all, each later one for what is missing of the same archive; returns where the last starts.
fn goes_on(asked: &[String], etag: &str) -> usize {
    let header = |head: &str, name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let [first, later @ ..] = asked else { panic!("nothing is asked") };
    assert_eq!((header(first, "range"), header(first, "if-range")), (None, None), "{first}");
    later.iter().fold(0, |had, head| {
        let range = header(head, "range").unwrap_or_else(|| panic!("{head}"));
        let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap();
        let from = from.parse().unwrap();
        assert!(from > had, "{from} after {had}");
        assert_eq!(header(head, "if-range").as_deref(), Some(etag), "{head}");
        from
    })
}

/// The script that finds a visible part of the only download on the browser's own page.
fn part_of_item(id: &str) -> String {
    format!(
        "const item = document.querySelector('downloads-manager').shadowRoot.querySelector('downloads-item');
         const part = item.shadowRoot.getElementById('{id}');
         return part && !part.hidden && item.data.resume ? part : null;"
    )
}

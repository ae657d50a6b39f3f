//! The cases that are decided by the request's body: what is refused is a sound problem and fetches nothing, what is lawful
//! is an archive of the very names.

use serde_json::Value;

use super::case::{Outcome, Tally, body, cases};
use super::{World, contents};
use crate::support::client::Answer;
use crate::support::origin::{Origin, Route};

/// The cases where `expect` names another lawful outcome first, with our choice: the body limit of 1 MiB is not reached by
/// a list of 5 MB, a name of a wrong type is told as a wrong name, `null` is absence in every optional field alike, long
/// names are cut, `./a.txt` is no name at all.
const CHOSEN: [&str; 6] = ["d-049", "d-051", "d-053", "d-069", "d-099", "d-159"];

/// The categories, with the number of the corpus' own cases.
pub(super) const CATEGORIES: [(&str, usize); 6] =
    [("json", 10), ("shape", 21), ("options", 9), ("filename", 11), ("zip_path", 38), ("url", 2)];

#[tokio::test(flavor = "multi_thread")]
async fn every_body_has_its_outcome() {
    let origin = Origin::start().await;
    let world = World::start(origin.address()).await;
    let mut tally = Tally::default();
    let (mut lawful, mut refused) = (0, 0);
    for (category, own) in CATEGORIES {
        let cases = cases(category);
        let is_own = |case: &&Value| case["id"].as_str().unwrap().starts_with("d-");
        assert_eq!(cases.iter().filter(is_own).count(), own, "{category}");
        for case in &cases {
            serve_sources(&origin, case);
            let before = origin.requests().len();
            let answer = world.post(body(case)).await;
            tally.judge(case, &Outcome::of(&answer));
            let fetched = origin.requests().len() > before;
            if answer.status == 200 {
                lawful += 1;
                check_archive(case, &answer);
                assert!(fetched || case["assert_no_fetch"] == true, "{}", case["id"]);
            } else {
                refused += 1;
                assert!(!fetched, "{}: a refused descriptor fetched something", case["id"]);
            }
        }
    }
    tally.finish(&CHOSEN);
    assert!(lawful > 80 && refused > 200, "{lawful} {refused}");
}

/// Serves every path that a case's URLs ask for.
pub(super) fn serve_sources(origin: &Origin, case: &Value) {
    let document = serde_json::from_slice::<Value>(&body(case)).unwrap_or_default();
    for file in document["files"].as_array().into_iter().flatten() {
        let Some(path) = file["url"].as_str().and_then(|url| url.strip_prefix("http://src.example.net"))
        else {
            continue;
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        origin.serve(path, Route::bytes("body"));
    }
}

/// Asserts that an archive holds what the case asks for, under the name that it asks for.
fn check_archive(case: &Value, answer: &Answer) {
    let id = &case["id"];
    assert_eq!(answer.header("content-type"), Some("application/zip"), "{id}");
    let document: Value = serde_json::from_slice(&body(case)).unwrap();
    let files = document["files"].as_array().unwrap();
    let read = contents(&answer.body);
    assert_eq!(read.len(), files.len(), "{id}");
    for ((name, bytes), file) in read.iter().zip(files) {
        assert_eq!(file["zipPath"].as_str(), Some(name.as_str()), "{id}");
        assert_eq!(bytes.as_slice(), if name.ends_with('/') { b"".as_slice() } else { b"body" }, "{id}");
    }
    if let Some(names) = case["expect"]["names"].as_array() {
        assert!(names.iter().eq(read.iter().map(|(name, _)| name)), "{id}: {read:?}");
    }
    let dispositions = answer.headers.iter().filter(|(name, _)| name == "content-disposition");
    assert_eq!(dispositions.count(), 1, "{id}");
    assert!(answer.header("x-injected").is_none(), "{id}");
    let disposition = answer.header("content-disposition").unwrap();
    check_disposition(id, disposition);
    if let Some(expected) = expected_filename(case) {
        let (_, encoded) = disposition.split_once("filename*=UTF-8''").unwrap();
        let told = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
        assert_eq!(told, expected, "{id}");
    }
}

/// The name that the case's archive is to be saved under, as far as the case tells.
fn expected_filename(case: &Value) -> Option<String> {
    if let Some(name) = case["filename"].as_str() {
        return Some(name.to_owned());
    }
    let header = case["expect"]["header"].as_str()?;
    if let Some((_, encoded)) = header.split_once("filename*=UTF-8''") {
        return Some(percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap().into_owned());
    }
    let known = match header {
        "default name" => "archive.zip",
        "y.zip" => "y.zip",
        "bidi controls removed" => "gpjpiz.exe.zip",
        "a single filename parameter" => "x\"; filename=\"y.exe.zip",
        _ if case["id"] == "d-099" => return Some(format!("{}.zip", "n".repeat(251))),
        other => panic!("{}: nobody looks at {other:?}", case["id"]),
    };
    Some(known.to_owned())
}

/// Asserts that the header is one fallback in quotes and one name percent-encoded (RFC 6266).
fn check_disposition(id: &Value, header: &str) {
    let rest = header.strip_prefix("attachment; filename=\"").unwrap();
    let (fallback, extended) = rest.split_once('"').unwrap();
    let lawful = |char: char| (' '..='~').contains(&char) && !matches!(char, '\\' | '%' | '/');
    assert!(
        fallback.chars().all(lawful) && fallback.to_ascii_lowercase().ends_with(".zip"),
        "{id}: {header}"
    );
    let encoded = extended.strip_prefix("; filename*=UTF-8''").unwrap();
    let is_encoded = |char: char| char.is_ascii_alphanumeric() || "!#$&+-.^_`|~%".contains(char);
    assert!(encoded.chars().all(is_encoded), "{id}: {header}");
}

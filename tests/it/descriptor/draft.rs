//! A draft says what a descriptor says, and of every file beside.

use proptest::prelude::*;
use serde_json::{Value, json};
use zipstream::descriptor::{Code, Draft};

use super::properties::tree;
use super::{LIMITS, parse, policy};

/// Surveys a body and holds the draft against what parsing says; `None` where there is no list of files.
fn survey(body: &[u8]) -> Option<Draft> {
    let parsed = parse(body);
    let draft = match Draft::survey(body, LIMITS, &policy()) {
        Ok(draft) => draft,
        Err(violations) => {
            assert_eq!(parsed.err(), Some(violations));
            return None;
        }
    };
    assert_eq!(draft.violations.as_ref(), parsed.as_ref().err());
    assert_eq!(draft.files.len(), if draft.count <= LIMITS.files { draft.count } else { 0 });
    for (index, file) in draft.files.iter().enumerate() {
        let place = format!("/files/{index}");
        match file {
            Ok(entry) => {
                let is_of_it = |pointer: &str| pointer == place || pointer.starts_with(&format!("{place}/"));
                let told = draft.violations.iter().flatten();
                assert_eq!(told.filter(|it| is_of_it(&it.pointer)).count(), 0, "{entry:?}");
            }
            Err(rejected) => assert!(rejected.violation.pointer.starts_with(&place), "{rejected:?}"),
        }
    }
    if let Ok(descriptor) = parsed {
        let names = draft.files.iter().map(|file| file.as_ref().unwrap().name.as_str());
        assert!(names.eq(descriptor.entries.iter().map(|entry| entry.name.as_str())));
    }
    Some(draft)
}

#[test]
fn only_a_document_without_a_list_of_files_has_no_draft() {
    for body in ["", "7", "[]", "{}", r#"{"files":null}"#, r#"{"files":{}}"#, r#"{"files":[]"#] {
        assert!(survey(body.as_bytes()).is_none(), "{body}");
    }
    for (body, count) in [
        (json!({ "files": [] }), 0),
        (json!({ "files": [null, 1, "a", [], {}] }), 5),
        (json!({ "files": vec![json!({}); 50] }), 50),
        (json!({ "files": vec![json!({}); 51] }), 51),
        (json!({ "x": 1, "files": [{ "url": "data:,", "zipPath": "a" }] }), 1),
    ] {
        assert_eq!(survey(body.to_string().as_bytes()).unwrap().count, count, "{body}");
    }
}

#[test]
fn what_is_shown_of_a_rejected_file_holds_no_secret() {
    let shown = |url: Value| {
        let body = json!({ "files": [{ "url": url, "zipPath": "../a" }] }).to_string();
        survey(body.as_bytes()).unwrap().files.remove(0).unwrap_err().url
    };
    for (url, expected) in [
        ("https://user:PASSWORD@src.example.net/a?SIGNATURE#F", Some("https://src.example.net/a")),
        ("http://127.0.0.1/a?SIGNATURE", Some("http://127.0.0.1/a")),
        ("DATA:;base64,SECRET", Some("data:")),
        ("ftp://src.example.net/SECRET", None),
        ("http://a b/SECRET", None),
        ("SECRET", None),
        (&format!("http://src.example.net/{}", "a".repeat(9000)), None),
    ] {
        assert_eq!(shown(json!(url)).as_deref(), expected, "{url}");
    }
    assert_eq!(shown(json!(7)), None);
}

/// Name and URL are right, so there is an entry; it is not legal all the same.
#[test]
fn a_file_whose_options_are_wrong_is_rejected() {
    for (field, value) in
        [("mode", json!(7)), ("size", json!("a")), ("headers", json!({ "Host": "a" })), ("x", json!(1))]
    {
        let mut file = json!({ "url": "http://src.example.net/", "zipPath": "a" });
        file[field] = value;
        let draft = survey(json!({ "files": [file] }).to_string().as_bytes()).unwrap();
        let pointer = draft.files[0].as_ref().unwrap_err().violation.pointer.clone();
        assert!(pointer.starts_with(&format!("/files/0/{field}")), "{pointer}");
    }
}

#[test]
fn each_file_has_its_first_violation_however_many_there_are() {
    let file = json!({ "a": 1, "b": 2, "c": 3, "zipPath": "" });
    let draft = survey(json!({ "files": vec![file; 50] }).to_string().as_bytes()).unwrap();
    assert_eq!(draft.violations.unwrap().as_slice().len(), 100);
    for (index, file) in draft.files.into_iter().enumerate() {
        let first = file.unwrap_err().violation;
        // An absent field is told where its object begins.
        assert_eq!((first.pointer, first.code), (format!("/files/{index}/url"), Code::MissingField));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_surveyed_as_they_are_parsed(body in prop::collection::vec(any::<u8>(), 0..200)) {
        survey(&body);
    }

    #[test]
    fn any_tree_is_surveyed_as_it_is_parsed(tree in tree()) {
        for body in [tree.clone(), json!({ "files": tree.clone() }), json!({ "files": [tree.clone(), tree] })] {
            survey(body.to_string().as_bytes());
        }
    }
}

//! `manifest` and `onSourceError`: what they make of a descriptor, and what is wrong with them.

use serde_json::{Value, json};
use zipstream::descriptor::Code;

use super::parse;

/// A descriptor of these names, with other members.
fn descriptor(names: &[&str], members: Value) -> Vec<u8> {
    let file = |name: &&str| json!({ "url": "data:,a", "zipPath": name });
    let mut document = json!({ "files": names.iter().map(file).collect::<Vec<_>>() });
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document.to_string().into_bytes()
}

/// The manifest's name, and whether it may list skipped sources.
fn manifest(members: Value) -> Option<(String, bool)> {
    let parsed = parse(&descriptor(&["a", "b/c"], members.clone()));
    let parsed = parsed.unwrap_or_else(|violations| panic!("{members}: {violations}"));
    parsed.manifest.map(|manifest| (manifest.name.to_string(), manifest.skips))
}

#[test]
fn a_manifest_is_made_where_it_is_asked_for_or_needed() {
    let named = |name: &str, skips| Some((name.to_owned(), skips));
    for (members, expected) in [
        (json!({}), None),
        (json!({ "manifest": null, "onSourceError": null }), None),
        (json!({ "onSourceError": "abort" }), None),
        (json!({ "manifest": {} }), named("MANIFEST.json", false)),
        (json!({ "manifest": { "zipPath": null } }), named("MANIFEST.json", false)),
        (json!({ "manifest": { "zipPath": "b/é" }, "onSourceError": "ABORT" }), named("b/é", false)),
        (json!({ "onSourceError": "Skip" }), named("MANIFEST.json", true)),
        (json!({ "onSourceError": "skip", "manifest": { "zipPath": "b/m" } }), named("b/m", true)),
        (json!({ "manifest": { "zipPath": "x:y" } }), named("x:y", false)),
    ] {
        assert_eq!(manifest(members.clone()), expected, "{members}");
    }
}

#[test]
fn its_name_is_judged_like_every_other() {
    let (path, whole) = ("/manifest/zipPath", "/manifest");
    let long = "n".repeat(256);
    for (names, members, pointer, code) in [
        (&["a"][..], json!({ "manifest": { "zipPath": "a" } }), path, Code::DuplicateZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "A. " } }), path, Code::DuplicateZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "a/m" } }), path, Code::DuplicateZipPath),
        (&["a/b"], json!({ "manifest": { "zipPath": "a" } }), path, Code::DuplicateZipPath),
        (&["manifest.JSON"], json!({ "manifest": {} }), path, Code::DuplicateZipPath),
        (&["MANIFEST.json"], json!({ "onSourceError": "skip" }), path, Code::DuplicateZipPath),
        (&["MANIFEST.json/x"], json!({ "onSourceError": "skip" }), path, Code::DuplicateZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "" } }), path, Code::InvalidZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "../m" } }), path, Code::InvalidZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "/m" } }), path, Code::InvalidZipPath),
        (&["a"], json!({ "manifest": { "zipPath": "m/" } }), path, Code::InvalidZipPath),
        (&["a"], json!({ "manifest": { "zipPath": long } }), path, Code::InvalidZipPath),
        (&["a"], json!({ "manifest": { "zipPath": 5 } }), path, Code::InvalidZipPath),
        (
            &["a"],
            json!({ "manifest": { "zipPath": "x:y" }, "portableNames": true }),
            path,
            Code::InvalidZipPath,
        ),
        (&["a"], json!({ "manifest": { "zip_path": "m" } }), "/manifest/zip_path", Code::UnknownField),
        (&["a"], json!({ "manifest": true }), whole, Code::InvalidDescriptor),
        (&["a"], json!({ "manifest": "m" }), whole, Code::InvalidDescriptor),
        (&["a"], json!({ "manifest": [] }), whole, Code::InvalidDescriptor),
        (&["a"], json!({ "onSourceError": "ignore" }), "/onSourceError", Code::InvalidDescriptor),
        (&["a"], json!({ "onSourceError": true }), "/onSourceError", Code::InvalidDescriptor),
        (&["a"], json!({ "onsourceerror": "skip" }), "/onsourceerror", Code::UnknownField),
    ] {
        let violations = parse(&descriptor(names, members.clone())).unwrap_err();
        let found: Vec<_> = violations.into_iter().map(|it| (it.pointer, it.code, it.detail)).collect();
        assert_eq!(found.len(), 1, "{members}: {found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1), (pointer, code), "{members}");
        assert!(!found[0].2.contains("18446744073709551615"), "{}", found[0].2);
    }
}

#[test]
fn its_violations_stand_in_the_order_of_the_document() {
    let body = br#"{ "manifest": { "zipPath": "..", "zipPath": "b" }, "files": [{ "url": "data:,", "zipPath": "/x" }],
        "onSourceError": 1 }"#;
    let violations = parse(body).unwrap_err();
    let pointers: Vec<_> = violations.into_iter().map(|it| it.pointer).collect();
    assert_eq!(pointers, ["/manifest/zipPath", "/manifest/zipPath", "/files/0/zipPath", "/onSourceError"]);
}

//! Whatever bytes come: no panic, no dangerous name, no second parameter in a header.

use proptest::prelude::*;
use serde_json::{Value, json};
use zipstream::descriptor::{Code, EntryName, Filename};

use super::parse;

/// Pieces that names and URLs break on.
const PIECES: &[&str] = &[
    "a",
    "B",
    "é",
    "e\u{301}",
    "雪",
    "/",
    "//",
    "\\",
    ".",
    "..",
    " ",
    ":",
    "C:",
    "\0",
    "\r\n",
    "\"",
    ";",
    "%",
    "%2f",
    "'",
    "=",
    "filename",
    ".zip",
    ".ZIP",
    "\u{202e}",
    "\u{200d}",
    "\u{feff}",
    "\u{7f}",
    "\u{85}",
    "#",
    "@",
    "?",
    "http:",
    "data:",
    ";base64,",
    "127.0.0.1",
    "[::1]",
    "~",
    "con",
    "👩",
    "\u{10ffff}",
];

/// Makes texts of arbitrary characters or of such pieces.
fn text() -> impl Strategy<Value = String> {
    let pieces =
        prop::collection::vec(prop::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat());
    prop_oneof![3 => pieces, 1 => any::<String>(), 1 => ".{200,400}"]
}

/// Makes JSON values, deep ones with the document's own keys among them.
pub(super) fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!("http://src.example.net/a")),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = prop_oneof![
            4 => prop::sample::select(&[
                "files", "url", "zipPath", "compression", "headers", "size", "crc32", "sha256", "lastModified", "mode",
                "suggestedFilename", "portableNames",
            ][..])
            .prop_map(str::to_owned),
            1 => text(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Asserts what holds of every name that was accepted.
fn assert_harmless(name: &EntryName) {
    let text = name.as_str();
    assert!(!text.is_empty() && text.len() <= 1024 && !text.starts_with('/'), "{text:?}");
    assert!(
        !text.chars().any(|char| char.is_control() || matches!(char, '\\' | '\u{202e}' | '\u{feff}')),
        "{text:?}"
    );
    for segment in text.strip_suffix('/').unwrap_or(text).split('/') {
        assert!(!matches!(segment.trim_end(), "" | "." | ".."), "{text:?}");
        assert!(segment.len() <= 255, "{text:?}");
    }
    assert_eq!(text.ends_with('/'), name.is_directory());
}

/// Decodes the parameter `filename*` of a header.
fn decode_extended(header: &str) -> String {
    let (_, encoded) = header.split_once("filename*=UTF-8''").unwrap();
    percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap().into_owned()
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(violations) = parse(&body) {
            prop_assert!(!violations.as_slice().is_empty());
        }
    }

    #[test]
    fn any_tree_is_parsed_or_refused(tree in tree()) {
        for body in [tree.clone(), json!({ "files": tree.clone() }), json!({ "files": [tree] })] {
            match parse(body.to_string().as_bytes()) {
                Ok(descriptor) => {
                    prop_assert!(!descriptor.entries.is_empty());
                    descriptor.entries.iter().for_each(|entry| assert_harmless(&entry.name));
                }
                Err(violations) => {
                    let all_found = violations.into_iter().all(|it| {
                        body.pointer(&it.pointer).is_some() || it.code == Code::MissingField
                    });
                    prop_assert!(all_found);
                }
            }
        }
    }

    #[test]
    fn accepted_names_are_harmless(text in text()) {
        if let Ok(name) = EntryName::parse(&text) {
            assert_harmless(&name);
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn content_disposition_says_one_name(text in text()) {
        let Ok(filename) = Filename::parse(&text) else {
            prop_assert!(text.chars().any(char::is_control));
            return Ok(());
        };
        let value = filename.content_disposition();
        let header = value.to_str().unwrap();
        let rest = header.strip_prefix("attachment; filename=\"").unwrap();
        let (fallback, extended) = rest.split_once('"').unwrap();
        prop_assert!(!fallback.contains(['\\', '%', '/']));
        prop_assert!(extended.starts_with("; filename*=UTF-8''"));
        prop_assert!(!extended[2..].contains(['"', ';', ' ', ',']));
        prop_assert_eq!(decode_extended(header), filename.as_str());
        prop_assert!(filename.as_str().len() <= 255);
        prop_assert!(filename.as_str().to_ascii_lowercase().ends_with(".zip"));
        let reserved = filename.as_str().contains(['/', '\\', '<', '>', ':', '|', '?', '*', '\u{202e}']);
        prop_assert!(!reserved);
    }
}

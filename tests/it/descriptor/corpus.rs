//! Every case of `tests/corpus/descriptors.json` that the parser alone decides.

use serde_json::{Value, json};
use zipstream::descriptor::{Descriptor, Violations};

use super::parse;

/// The categories that the parser decides, with the number of their cases: a corpus that is read wrongly has fewer.
const CATEGORIES: [(&str, usize); 6] =
    [("json", 10), ("shape", 21), ("options", 9), ("filename", 11), ("zip_path", 38), ("url", 2)];

/// The cases where the corpus lets several outcomes be lawful and ours is not the one it names first:
/// the body limit is not the parser's, a name of a wrong type is told as a wrong name, `null` stands for absence
/// in every optional field alike, long names are cut, and `./a.txt` is no name at all.
const CHOSEN: [(&str, Option<&str>); 7] = [
    ("d-035", Some("too_many_files")),
    ("d-049", Some("invalid_zip_path")),
    ("d-051", Some("invalid_zip_path")),
    ("d-053", Some("invalid_zip_path")),
    ("d-069", None),
    ("d-099", None),
    ("d-159", Some("invalid_zip_path")),
];

/// Reads the cases of a category.
fn cases(category: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/descriptors.json");
    let corpus: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = corpus["cases"].as_array().unwrap();
    cases.iter().filter(|case| case["category"] == category).cloned().collect()
}

/// Builds the request body of a case.
fn body(case: &Value) -> Vec<u8> {
    if let Some(raw) = case["raw"].as_str() {
        return raw.as_bytes().to_vec();
    }
    if let Some(encoded) = case["raw_base64"].as_str() {
        let url = format!("data:;base64,{encoded}");
        return data_url::DataUrl::process(&url).unwrap().decode_to_vec().unwrap().0;
    }
    if let Some(build) = case["raw_build"].as_object() {
        let times = build["times"].as_u64().unwrap() as usize;
        let part = |name: &str| build[name].as_str().unwrap().to_owned();
        return (part("prefix") + &part("repeat").repeat(times) + &part("suffix")).into_bytes();
    }
    assert!(case["body"].is_object(), "{case}");
    case["body"].to_string().into_bytes()
}

/// Returns the code that the answer would have, `null` for none.
fn outcome(parsed: &Result<Descriptor, Violations>) -> Value {
    parsed.as_ref().err().map_or(Value::Null, |violations| json!(violations.first().code.as_str()))
}

#[test]
fn every_case_has_its_outcome() {
    for (category, count) in CATEGORIES {
        let cases = cases(category);
        assert_eq!(cases.len(), count, "{category}");
        for case in &cases {
            let parsed = parse(&body(case));
            let code = outcome(&parsed);
            let chosen = CHOSEN.iter().find(|(id, ..)| case["id"] == *id).map(|(_, code)| json!(code));
            let expected = chosen.unwrap_or_else(|| case["expect"]["error"].clone());
            assert_eq!(code, expected, "{} ({})", case["id"], case["why"]);
        }
    }
}

#[test]
fn lawful_names_are_kept() {
    let mut seen = 0;
    for case in cases("zip_path") {
        let Some(names) = case["expect"]["names"].as_array() else { continue };
        let parsed = parse(&body(&case)).unwrap();
        let kept: Vec<_> = parsed.entries.iter().map(|entry| json!(entry.name.as_str())).collect();
        assert_eq!(kept, *names, "{}", case["id"]);
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn names_that_windows_cannot_hold_are_refused_on_request() {
    let mut seen = 0;
    for mut case in cases("zip_path") {
        if !case["expect"]["status"].as_str().unwrap().contains("kept") {
            continue;
        }
        assert_eq!(outcome(&parse(&body(&case))), Value::Null, "{}", case["id"]);
        case["body"]["portableNames"] = json!(true);
        assert_eq!(outcome(&parse(&body(&case))), json!("invalid_zip_path"), "{}", case["id"]);
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[test]
fn suggested_filenames_become_the_header_that_is_described() {
    for (id, header) in [
        ("d-085", "attachment; filename=\"a_b.zip\"; filename*=UTF-8''a%22b.zip"),
        (
            "d-087",
            "attachment; filename=\"x_; filename=_y.exe.zip\"; filename*=UTF-8''x%22%3B%20filename%3D%22y.exe.zip",
        ),
        ("d-089", "attachment; filename=\"_.zip\"; filename*=UTF-8''%E9%9B%AA.zip"),
        ("d-091", "attachment; filename=\"100_.zip\"; filename*=UTF-8''100%25.zip"),
        ("d-093", "attachment; filename=\"y.zip\"; filename*=UTF-8''y.zip"),
        ("d-095", "attachment; filename=\"archive.zip\"; filename*=UTF-8''archive.zip"),
        ("d-097", "attachment; filename=\"gpjpiz.exe.zip\"; filename*=UTF-8''gpjpiz.exe.zip"),
        ("d-101", "attachment; filename=\"archive.zip\"; filename*=UTF-8''archive.zip"),
    ] {
        let case = cases("filename").into_iter().find(|case| case["id"] == id).unwrap();
        let parsed = parse(&body(&case)).unwrap();
        assert_eq!(parsed.filename.content_disposition(), header, "{id}");
    }
    let long = cases("filename").into_iter().find(|case| case["id"] == "d-099").unwrap();
    assert_eq!(parse(&body(&long)).unwrap().filename.as_str(), format!("{}.zip", "n".repeat(251)));
}

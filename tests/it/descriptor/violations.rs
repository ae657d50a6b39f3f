//! What is promised about whole documents: all violations at once, in order, and legal values out of lawful ones.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zipstream::descriptor::{Code, Compression, Descriptor, Limits, Source};

use super::{parse, parse_json, policy, violations};

/// Makes a document of files.
fn files(files: &[Value]) -> Value {
    json!({ "files": files })
}

#[test]
fn a_lawful_document_becomes_legal_values() {
    let descriptor = parse_json(&json!({
        "suggestedFilename": "backup", "compression": "deflate", "compressionLevel": 9,
        "portableNames": null, "streamable": true, "files": [
            { "url": "https://api.example.com/c.json?sig=secret#part", "zipPath": "config/app.json", "compression": "Store",
              "compressionLevel": 1,
              "headers": { "Authorization": "Bearer token" }, "size": 5120, "crc32": "1c291ca3", "sha256": "00".repeat(32),
              "lastModified": "2026-11-19T23:00:00Z", "mode": "0600" },
            { "url": "data:application/json;base64,eyJhIjoxfQ==", "zipPath": "m.json", "size": 7, "mode": null },
            { "zipPath": "empty/", "url": null, "compression": "auto" } ] }))
    .unwrap();
    let levels: Vec<_> = descriptor.entries.iter().map(|entry| entry.level.number()).collect();
    assert_eq!(levels, [1, 9, 9]);
    assert!(descriptor.entries.iter().all(|entry| entry.streamable));
    assert_eq!(descriptor.entries[2].compression, Compression::Auto);
    assert_eq!(descriptor.filename.as_str(), "backup.zip");
    let [file, data, directory] = &descriptor.entries[..] else { panic!("three entries") };
    let Source::Http(http) = &file.source else { panic!("a source to fetch") };
    assert_eq!(http.url.as_str(), "https://api.example.com/c.json?sig=secret");
    assert!(http.headers["authorization"].is_sensitive());
    assert_eq!(
        (file.compression, file.modified, file.mode),
        (Compression::Store, Some(1_795_129_200), 0o600)
    );
    assert_eq!((file.expected.size, file.expected.crc32), (Some(5120), Some(0x1c29_1ca3)));
    assert_eq!(file.expected.sha256, Some([0; 32]));
    assert!(matches!(&data.source, Source::Data(bytes) if bytes == "{\"a\":1}"));
    assert_eq!((data.compression, data.mode), (Compression::Deflate, 0o644));
    assert!(matches!(directory.source, Source::Directory));
    assert_eq!(
        (directory.name.as_str(), directory.name.is_directory(), directory.mode),
        ("empty/", true, 0o755)
    );
    let printed = format!("{descriptor:?}");
    assert!(!printed.contains("secret") && !printed.contains("token"), "{printed}");
}

#[test]
fn all_violations_come_at_once_in_the_order_of_the_document() {
    let body = r#"{
        "sugestedFilename": "a", "compression": "best", "compressionLevel": 10, "manifesto": {},
        "streamable": 1, "files": [
            { "zipPath": "../a", "url": "ftp://a/b", "mode": 644, "size": 1.5,
              "compressionLevel": "6" },
            7,
            { "url": "http://169.254.169.254/", "zipPath": "b", "crc32": "x", "sha256": 1, "lastModified": "now" },
            { "zipPath": "B", "zipPath": "c", "url": "http://src.example.net/", "headers": { "Host": "a" } },
            { "zipPath": "d/", "url": "http://src.example.net/" },
            { "zipPath": "e", "url": "data:,abc", "size": 4, "crc32": "00000000" },
            { "url": "http://src.example.net/" } ],
        "portableNames": "yes", "suggestedFilename": "a\u0007" }"#;
    let found = parse(body.as_bytes()).unwrap_err();
    let found: Vec<_> = found.into_iter().map(|it| (it.pointer, it.code)).collect();
    let expected = [
        ("/sugestedFilename", Code::UnknownField),
        ("/compression", Code::UnsupportedCompression),
        ("/compressionLevel", Code::InvalidDescriptor),
        ("/manifesto", Code::UnknownField),
        ("/streamable", Code::InvalidDescriptor),
        ("/files/0/zipPath", Code::InvalidZipPath),
        ("/files/0/url", Code::InvalidUrl),
        ("/files/0/mode", Code::InvalidDescriptor),
        ("/files/0/size", Code::InvalidDescriptor),
        ("/files/0/compressionLevel", Code::InvalidDescriptor),
        ("/files/1", Code::InvalidDescriptor),
        ("/files/2/url", Code::ForbiddenUrl),
        ("/files/2/crc32", Code::InvalidDescriptor),
        ("/files/2/sha256", Code::InvalidDescriptor),
        ("/files/2/lastModified", Code::InvalidDescriptor),
        ("/files/3/zipPath", Code::DuplicateZipPath),
        ("/files/3/zipPath", Code::DuplicateKey),
        ("/files/3/headers/Host", Code::InvalidHeader),
        ("/files/4/zipPath", Code::InvalidZipPath),
        ("/files/5/size", Code::InvalidDescriptor),
        ("/files/5/crc32", Code::InvalidDescriptor),
        ("/files/6/zipPath", Code::MissingField),
        ("/portableNames", Code::InvalidDescriptor),
        ("/suggestedFilename", Code::InvalidFilename),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn details_say_what_to_do() {
    let url = "http://src.example.net/a";
    for (body, part) in [
        (files(&[json!({ "url": url, "zip_path": "a" })]), "did you mean `zipPath`?"),
        (files(&[json!({ "url": url, "zipPath": "a" }), json!({ "url": url, "zipPath": "A" })]), "/files/0 "),
        (
            files(&[json!({ "url": url, "zipPath": "a/b" }), json!({ "url": url, "zipPath": "a" })]),
            "a directory in /files/0,",
        ),
        (files(&vec![json!(0); 51]), "51 files, and at most 50"),
        (files(&[]), "name at least one"),
        (json!([]), "expected an object, found an array"),
        (
            files(&[json!({ "url": "http://a b.example.net/", "zipPath": "a" })]),
            "it may hold letters, digits,",
        ),
        (
            files(&[json!({ "url": "http://a|b.example.net/", "zipPath": "a" })]),
            "it may hold letters, digits,",
        ),
        (files(&[json!({ "url": "http://a*b.example.net/", "zipPath": "a" })]), "letters, digits, hyphens"),
        (
            json!({ "files": [{ "url": url, "zipPath": "MANIFEST.json" }], "onSourceError": "skip" }),
            "MANIFEST.json is taken by /files/0; name another in manifest.zipPath",
        ),
        (
            json!({ "files": [{ "url": url, "zipPath": "MANIFEST.json/a" }], "manifest": {} }),
            "MANIFEST.json is taken by /files/0; name another in manifest.zipPath",
        ),
        (
            files(&[json!({ "url": url, "zipPath": "a", "password": "b" })]),
            "the field is unknown; known here: url, ",
        ),
    ] {
        let found = parse_json(&body).unwrap_err();
        assert!(found.as_slice().iter().any(|it| it.detail.contains(part)), "{found}");
    }
    let broken = parse(b"{\n  \"files\": [,]\n}").unwrap_err();
    assert!(broken.first().detail.contains("line 2 column 13"), "{broken}");
    let huge = parse(br#"{"files":[{"url":"data:,","zipPath":"a","size":1e400}]}"#).unwrap_err();
    assert!(!huge.first().detail.contains("not valid JSON"), "lawful JSON, out of range: {huge}");
}

#[test]
fn urls_that_programs_read_differently_are_refused() {
    for (url, code) in [
        ("", Code::InvalidUrl),
        ("a.txt", Code::InvalidUrl),
        ("//src.example.net/a", Code::InvalidUrl),
        ("http:src.example.net/a", Code::InvalidUrl),
        ("http:///src.example.net/a", Code::InvalidUrl),
        ("http://", Code::InvalidUrl),
        (" http://src.example.net/a", Code::InvalidUrl),
        ("http://src.example.net/a\n", Code::InvalidUrl),
        ("http://src.exa\tmple.net/a", Code::InvalidUrl),
        ("http://src.example.net\\@evil.example.org/", Code::InvalidUrl),
        ("http://user:pw@src.example.net/a", Code::InvalidUrl),
        ("http://@src.example.net/a", Code::InvalidUrl),
        ("http://:@src.example.net/a", Code::InvalidUrl),
        ("http://src.exam\u{200b}ple.net/a", Code::InvalidUrl),
        ("http://src.exam%C2%ADple.net/a", Code::InvalidUrl),
        ("http://src.exam|ple.net/a", Code::InvalidUrl),
        ("data:text/plain", Code::InvalidUrl),
        ("http://10.0.0.1/", Code::ForbiddenUrl),
    ] {
        let body = files(&[json!({ "url": url, "zipPath": "a" })]);
        assert_eq!(violations(&body), [("/files/0/url".to_owned(), code)], "{url:?}");
    }
    let longest = format!("http://src.example.net/{}", "a".repeat(8192 - 23));
    assert!(parse_json(&files(&[json!({ "url": longest, "zipPath": "a" })])).is_ok());
    let longer = longest + "a";
    assert_eq!(violations(&files(&[json!({ "url": longer, "zipPath": "a" })])).len(), 1);
}

#[test]
fn a_directory_needs_no_url_and_a_file_does() {
    assert_eq!(violations(&files(&[json!({ "zipPath": "a/" })])), []);
    let missing = [("/files/0/url".to_owned(), Code::MissingField)];
    assert_eq!(violations(&files(&[json!({ "zipPath": "a" })])), missing);
    assert_eq!(violations(&files(&[json!({ "zipPath": "a/", "size": 1 })])).len(), 1);
}

#[test]
fn reports_are_bounded() {
    let body = files(&vec![json!({ "x": 1 }); 50]);
    let found = parse_json(&body).unwrap_err();
    assert_eq!(found.as_slice().len(), 100);
    assert!(found.as_slice()[99].detail.ends_with("(50 more violations are not listed)"), "{found}");
    let long_key = format!(r#"{{"files":[],"{}":1}}"#, "k".repeat(1 << 20));
    assert!(parse(long_key.as_bytes()).unwrap_err().into_iter().all(|it| it.pointer.len() < 1024));
}

/// The bounds are many times what these take unoptimised, and a small part of what quadratic work would take.
#[test]
fn the_work_is_linear() {
    let many: Vec<_> =
        (0..70_000).map(|n| json!({ "url": "data:,", "zipPath": format!("d/{n}.txt") })).collect();
    let deep: Vec<_> =
        (0..900).map(|n| json!({ "url": "data:,", "zipPath": format!("{}{n}", "a/".repeat(509)) })).collect();
    for (body, limit) in [(files(&many), 20), (files(&deep), 10)] {
        let body = body.to_string();
        let begun = Instant::now();
        let parsed = Descriptor::parse(body.as_bytes(), Limits { files: 70_000 }, &policy());
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
        assert!(begun.elapsed() < Duration::from_secs(limit), "{:?}", begun.elapsed());
    }
}

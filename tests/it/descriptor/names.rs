//! Names that would lead elsewhere, or that nobody can tell apart, in whatever disguise.

use serde_json::json;
use zipstream::descriptor::{Code, EntryName, Filename};

use super::violations;

#[test]
fn a_drive_hides_no_parent_directory() {
    for name in ["C:../x", "D:..", "c:.", "Z:. /x", "a/C:/x", "a/C:..", "a/z: ../x", "C:D:../x", "a/b:"] {
        assert!(EntryName::parse(name).is_err(), "{name}");
    }
    for name in ["C:x", "x:y", "x:.y", "C:..x", "a/b:c", "ab:..", "1:..", "10:00"] {
        assert_eq!(EntryName::parse(name).unwrap().as_str(), name);
    }
    let body = json!({ "files": [{ "url": "http://src.example.net/", "zipPath": "C:../../x" }] });
    assert_eq!(violations(&body), [("/files/0/zipPath".to_owned(), Code::InvalidZipPath)]);
}

#[test]
fn what_nobody_sees_is_refused() {
    for char in [
        '\u{34f}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{180d}',
        '\u{180f}',
        '\u{2065}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{ffa0}',
        '\u{fff0}',
        '\u{fff8}',
        '\u{fffb}',
        '\u{1bca0}',
        '\u{1d173}',
        '\u{1d17a}',
        '\u{e0001}',
        '\u{e0080}',
        '\u{e0100}',
        '\u{e01ef}',
        '\u{e0fff}',
    ] {
        for name in [format!("{char}"), format!("a{char}"), format!("{char}.txt"), format!("a{char}b/c")] {
            assert!(EntryName::parse(&name).is_err(), "{name:?}");
        }
        assert_eq!(Filename::parse(&format!("a{char}b")).unwrap().as_str(), "ab.zip", "{char:?}");
    }
    for name in [
        "1\u{fe0f}",
        "1\u{fe0f}2",
        "❤\u{fe0f}\u{fe0f}",
        "雪\u{fe0f}",
        "雪\u{fe03}",
        "❤\u{e0100}",
        "雪\u{e0100}\u{e0101}",
        "a\u{fe0f}\u{200d}👩",
        "🏴\u{e0067}\u{e0062}",
        "🏴\u{e007f}",
        "🏴\u{e0067}\u{e0062}x\u{e007f}",
        "🏴\u{e0067}\u{e007f}\u{e007f}",
        "🏴\u{e0067}\u{e007f}\u{e0067}\u{e007f}",
        "👩\u{e0067}\u{e007f}",
        "🏴\u{e0001}\u{e007f}",
    ] {
        assert!(EntryName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn emoji_and_ideographs_keep_what_shapes_them() {
    for name in [
        "👩\u{200d}💻",
        "❤\u{fe0f}\u{200d}🔥",
        "🏳\u{fe0f}\u{200d}🌈",
        "☎\u{fe0e}",
        "1\u{fe0f}\u{20e3}",
        "*\u{fe0f}\u{20e3}",
        "©\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "👋🏽",
        "🇩🇪",
        "葛\u{e0100}飾区",
        "神\u{fe00}",
    ] {
        assert_eq!(EntryName::parse(name).unwrap().as_str(), name);
        let windows = name.replace('*', "1");
        assert_eq!(Filename::parse(&windows).unwrap().as_str(), format!("{windows}.zip"));
    }
    assert_eq!(Filename::parse("*\u{fe0f}\u{20e3}").unwrap().as_str(), "_\u{20e3}.zip");
    // A picture that the longest name cuts leaves nothing behind that nobody sees.
    let cut = format!("{}👩\u{200d}💻", "n".repeat(244));
    assert_eq!(Filename::parse(&cut).unwrap().as_str(), format!("{}👩.zip", "n".repeat(244)));
}

#[test]
fn a_file_and_its_own_stream_are_one() {
    let file = |name: &str| json!({ "url": "http://src.example.net/", "zipPath": name });
    let duplicate = [("/files/1/zipPath".to_owned(), Code::DuplicateZipPath)];
    for [one, other] in [
        ["a.txt", "a.txt::$DATA"],
        ["A.TXT::$data", "a.txt"],
        ["é", "É::$Data"],
        ["a. ::$DATA", "a"],
        ["a", "a::$DATA. "],
        ["a", "a::$INDEX_ALLOCATION/b"],
    ] {
        assert_eq!(violations(&json!({ "files": [file(one), file(other)] })), duplicate, "{one} and {other}");
    }
    let others = ["a", "a:b", "a::$DATA.txt", "b::$DATABASE", "::$DATA"].map(file);
    assert_eq!(violations(&json!({ "files": others })), []);
}

//! Names that would lead elsewhere, or that nobody can tell apart, in whatever disguise.

use serde_json::json;
use zipstream::descriptor::{Code, EntryName};

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

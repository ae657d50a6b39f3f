//! What is 400, and what is an answer.

use serde_json::json;

use super::{checked, codes, post};
use crate::support::App;

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_no_list_of_files_is_refused() {
    let app = App::start().await;
    for (body, code, pointer) in [
        ("", "invalid_json", ""),
        ("{", "invalid_json", ""),
        ("{\"files\":[]} x", "invalid_json", ""),
        ("\u{feff}{\"files\":[]}", "invalid_json", ""),
        ("null", "invalid_descriptor", ""),
        ("[]", "invalid_descriptor", ""),
        ("\"files\"", "invalid_descriptor", ""),
        ("{}", "missing_field", "/files"),
        ("{\"files\":null}", "invalid_descriptor", "/files"),
        ("{\"files\":{}}", "invalid_descriptor", "/files"),
        ("{\"file\":[]}", "missing_field", "/files"),
    ] {
        let answer = post(app.address(), body).await;
        let problem = answer.json();
        assert_eq!(answer.status, 400, "{body}: {problem}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        assert_eq!(
            problem["errors"][0],
            json!({ "pointer": pointer, "code": code, "detail": problem["errors"][0]["detail"] }),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_an_answer() {
    let app = App::start().await;
    let file = r#"{"url":"data:,a","zipPath":"a"}"#;
    for (body, expected) in [
        (
            format!(r#"{{"files":[{file}],"suggestedFilename":"a\u0007"}}"#),
            vec![("/suggestedFilename", "invalid_filename")],
        ),
        (format!(r#"{{"files":[{file}],"files":[]}}"#), vec![("/files", "duplicate_key")]),
        (
            format!(r#"{{"compression":"LZMA","files":[{file},null,[],""]}}"#),
            vec![
                ("/compression", "unsupported_compression"),
                ("/files/1", "invalid_descriptor"),
                ("/files/2", "invalid_descriptor"),
                ("/files/3", "invalid_descriptor"),
            ],
        ),
        (
            r#"{"files":[{}]}"#.to_owned(),
            vec![("/files/0/zipPath", "missing_field"), ("/files/0/url", "missing_field")],
        ),
        (format!(r#"{{"files":[{file}]}}"#), vec![]),
    ] {
        let answer = checked(&post(app.address(), body.clone()).await);
        assert_eq!(codes(&answer["errors"]), expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bounded() {
    let app = App::start().await;
    // Fields that do not exist, names of a megabyte, and every file wrong in many ways.
    let file = json!({ "zipPath": format!("{}/", "\u{7}".repeat(15_000)), "url": "x".repeat(3000), "a": 1, "b": 2, "c": 3 });
    let answer = post(app.address(), json!({ "files": vec![file; 8] }).to_string()).await;
    let document = checked(&answer);
    assert!(answer.body.len() < 100_000, "{}", answer.body.len());
    assert_eq!(document["results"][7]["zipPath"], json!(null));
    let answer = post(app.address(), json!({ "files": vec![json!({ "x": 1 }); 50] }).to_string()).await;
    let document = checked(&answer);
    assert_eq!(document["errors"].as_array().unwrap().len(), 100);
    assert!(
        document["errors"][99]["detail"].as_str().unwrap().ends_with("(50 more violations are not listed)")
    );
    for result in document["results"].as_array().unwrap() {
        assert_eq!(result["error"]["code"], "missing_field", "each file has its own, listed above or not");
    }
}

//! The interface's description: valid, complete, and true of the service that serves it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Process, judge, judged, text, tool};
use crate::support::App;
use crate::support::client::Request;

async fn description(app: &App) -> Value {
    let answer = Request::get(app.address(), "/api/openapi.json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// The words in quotes of a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_valid() {
    let app = App::start().await;
    let document = description(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), document.to_string()).unwrap();
    judge(tool("openapi-spec-validator").arg(file.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_read_is_described_and_no_other() {
    let app = App::start().await;
    let document = description(&app).await;
    for (schema, source) in [("Descriptor", "src/descriptor/mod.rs"), ("File", "src/descriptor/entry.rs")] {
        let schema = &document["components"]["schemas"][schema];
        let described: BTreeSet<_> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let read = text(source);
        let fields = read.split_once("const FIELDS: &[&str] =").unwrap().1.split_once(';').unwrap().0;
        assert_eq!(described, quoted(fields).collect(), "{source}");
        assert_eq!(schema["additionalProperties"], false);
    }
}

/// A code that can be answered stands in the description and in the README. One can be met on any path, so on none of the
/// described.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_answered_is_described() {
    let app = App::start().await;
    let document = description(&app).await.to_string();
    let readme = text("README.md");
    let sources =
        ["src/api/problem/mod.rs", "src/api/problem/causes.rs", "src/descriptor/violation.rs"].map(text);
    // Other words stand in these files too.
    let (of_sources, of_checks) = (text("src/fetch/error.rs"), text("src/descriptor/expected.rs"));
    let after = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let of_sources = after(&of_sources, "fn code(", "fn as_str(");
    let of_checks = after(&of_checks, "const CODE", ";");
    let is_code = |word: &&str| {
        word.len() > 3
            && word.starts_with(char::is_lowercase)
            && word.bytes().all(|octet| octet == b'_' || octet.is_ascii_lowercase())
    };
    // A limit has a name too.
    let own = |text: &str| {
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        own.lines().filter(|line| !line.contains("policy: ")).collect::<Vec<_>>().join("\n")
    };
    let texts: Vec<_> = sources.iter().map(|text| own(text)).chain([of_sources, of_checks]).collect();
    let codes: BTreeSet<_> = texts.iter().flat_map(|text| quoted(text)).filter(is_code).collect();
    assert!(
        codes.contains("invalid_json")
            && codes.contains("source_status")
            && codes.contains("source_mismatch"),
        "{codes:?}"
    );
    for code in codes {
        let anywhere = code == "method_not_allowed";
        assert!(anywhere || document.contains(&format!("\"{code}\"")), "{code} is not described");
        assert!(readme.contains(&format!("`{code}`")), "{code} is not in the README");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_says_what_it_is_and_how_it_fails() {
    let app = App::start().await;
    let document = description(&app).await;
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 10), "{what}");
            assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{what}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("500") && answers.contains_key("503"), "{what}");
            let named = |answer: &Value| answer["headers"]["X-Request-Id"].is_object();
            assert!(answers.values().all(named), "{what}");
            // A HEAD has no document to show.
            let refusals = answers.iter().filter(|(status, _)| status.as_str() >= "400" && method != "head");
            for (status, answer) in refusals {
                assert!(
                    !answer["content"]["application/problem+json"]["example"].is_null(),
                    "{what}: {status}"
                );
            }
            if let Some(body) = operation.get("requestBody") {
                let content = &body["content"]["application/json"];
                assert!(
                    !content["example"].is_null() || !content["examples"].is_null(),
                    "{what}: no example"
                );
            }
            operations += 1;
        }
    }
    assert!(operations >= 5, "{operations}");
}

/// What is shown of a token could be one, so that a client which checks them takes it.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_the_examples_is_one() {
    let app = App::start().await;
    let document = description(&app).await;
    let made = &document["paths"]["/api/download-links"]["post"]["responses"]["201"];
    let token = made["content"]["application/json"]["example"]["token"].as_str().unwrap();
    assert!(zipstream::links::Token::parse(token).is_some(), "{token}");
    assert_eq!(document["paths"]["/api/downloads/{token}"]["get"]["parameters"][0]["example"], token);
}

/// schemathesis asks what the description lets one ask, and what it forbids, and holds the answers against it. No port of
/// any host is lawful here, so that no request leaves the machine, whatever URLs it thinks of.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_contradicts_the_description() {
    let service = Process::start(&[("ZIPSTREAM__EGRESS__ALLOW", ""), ("ZIPSTREAM__EGRESS__PORTS", "")]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = tool("schemathesis");
    command
        .current_dir(folder.path())
        .args(["run", &format!("http://{}/api/openapi.json", service.address), "--no-color"])
        .args(["--max-examples", "60", "--generation-deterministic", "--request-timeout", "20"])
        // A schema cannot say all rules of names and addresses: what keeps to it may be refused nevertheless.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    judged(&output.expect("schemathesis is there: scripts/check installs it"));
    let log = service.end();
    let ours = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked"));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&String>::new());
}

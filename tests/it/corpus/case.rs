//! A case of the corpus: its request, and what may come of it.
//!
//! `expect` and `also_ok` are texts for people (`502 or aborted stream`, `200 (kept; documented)`); what they let through is
//! read from them: a status, a code, an aborted stream.

use serde_json::Value;

use super::problems::checked;
use crate::support::client::{Answer, Ended};

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The status; 0 without an answer.
    pub(super) status: u16,
    /// The problem's code, where there is one.
    pub(super) code: Option<String>,
    /// Whether the answer did not end as it must.
    pub(super) aborted: bool,
}

impl Outcome {
    /// Reads an answer; a problem document must be sound.
    pub(super) fn of(answer: &Answer) -> Outcome {
        let is_problem = answer.header("content-type") == Some("application/problem+json");
        let code = (is_problem && !answer.body.is_empty())
            .then(|| checked(answer)["code"].as_str().unwrap().to_owned());
        Outcome { status: answer.status, code, aborted: answer.ended != Ended::Whole }
    }

    /// Whether it is what `expect` asks for in the first place.
    fn is_expected(&self, case: &Value) -> bool {
        let expect = &case["expect"];
        let status = expect["status"].as_str().unwrap();
        if self.aborted {
            return status.contains("aborted stream") && self.status == 200;
        }
        // Malformed HTTP may be answered by the HTTP library itself, with a bare status; HEAD has no body.
        let bare = (case["note"].is_string() || case["method"] == "HEAD") && self.code.is_none();
        let code_fits = bare || self.status < 300 || expect["error"].as_str() == self.code.as_deref();
        statuses(status).contains(&self.status) && code_fits
    }

    /// Whether one of `also_ok` lets it through; texts without a status keep the expected one.
    fn is_also_ok(&self, case: &Value) -> bool {
        let expect = &case["expect"];
        expect["also_ok"].as_array().into_iter().flatten().any(|also| {
            let text = also.as_str().unwrap();
            let (plain, _) = text.split_once(" (").unwrap_or((text, ""));
            if self.aborted {
                return text.starts_with("aborted stream")
                    || text.contains("or aborted stream")
                    || text == "closed";
            }
            let mut lawful = statuses(plain);
            let code = plain.split(' ').find(|word| word.contains('_'));
            if lawful.is_empty() && code.is_some() {
                lawful = statuses(expect["status"].as_str().unwrap());
            }
            lawful.contains(&self.status) && code.is_none_or(|code| self.code.as_deref() == Some(code))
        })
    }

    /// How the case lets this outcome through, if it does.
    fn fits(&self, case: &Value) -> Option<Fit> {
        if self.is_expected(case) {
            Some(Fit::Expected)
        } else {
            self.is_also_ok(case).then_some(Fit::AlsoOk)
        }
    }
}

/// How an outcome is lawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As one of `also_ok`.
    AlsoOk,
    /// As `expect` says.
    Expected,
}

/// The outcomes of many cases: all that are wrong are told at once.
#[derive(Default)]
pub(super) struct Tally {
    also_ok: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    /// Judges a case's outcome.
    pub(super) fn judge(&mut self, case: &Value, outcome: &Outcome) {
        let id = case["id"].as_str().unwrap().to_owned();
        match outcome.fits(case) {
            Some(Fit::Expected) => {}
            Some(Fit::AlsoOk) => self.also_ok.push(id),
            None => self.complain(case, format!("{outcome:?}, not {}", case["expect"])),
        }
    }

    /// Notes that a case fails.
    pub(super) fn complain(&mut self, case: &Value, complaint: impl std::fmt::Display) {
        self.wrong.push(format!("{} ({}): {complaint}", case["id"], case["why"]));
    }

    /// Asserts that nothing was wrong, and that exactly these cases of the corpus needed `also_ok`.
    pub(super) fn finish(mut self, also_ok: &[&str]) {
        assert!(self.wrong.is_empty(), "{} cases fail:\n{}", self.wrong.len(), self.wrong.join("\n"));
        self.also_ok.sort();
        let own: Vec<_> = self.also_ok.iter().filter(|id| id.starts_with("d-")).collect();
        assert_eq!(own, also_ok, "outcomes that only also_ok lets through");
    }
}

/// The statuses that a text names.
fn statuses(text: &str) -> Vec<u16> {
    let words = text.split([' ', ',', ';']);
    words.filter(|word| word.len() == 3).filter_map(|word| word.parse().ok()).collect()
}

/// Reads the cases of a category, the corpus' own and the siblings.
pub(super) fn cases(category: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for name in ["descriptors.json", "siblings.json"] {
        let path = format!("{}/tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let corpus: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let all = corpus["cases"].as_array().unwrap();
        found.extend(all.iter().filter(|case| case["category"] == category).cloned());
    }
    found
}

/// Builds the request body of a case.
pub(super) fn body(case: &Value) -> Vec<u8> {
    if let Some(raw) = case["raw"].as_str() {
        return raw.as_bytes().to_vec();
    }
    if let Some(encoded) = case["raw_base64"].as_str() {
        let url = format!("data:;base64,{encoded}");
        return data_url::DataUrl::process(&url).unwrap().decode_to_vec().unwrap().0;
    }
    if let Some(build) = case["raw_build"].as_object() {
        let part = |name: &str| build[name].as_str().unwrap().to_owned();
        let repeated = part("repeat").repeat(build["times"].as_u64().unwrap() as usize);
        return (part("prefix") + &repeated + &part("suffix")).into_bytes();
    }
    assert!(case["body"].is_object(), "{case}");
    case["body"].to_string().into_bytes()
}

#[test]
fn every_case_belongs_to_a_category_that_is_run() {
    let categories = ["json", "shape", "options", "filename", "zip_path", "url", "http", "client", "source"];
    let mut ids = std::collections::BTreeSet::new();
    let mut own = 0;
    for category in categories {
        for case in cases(category) {
            let id = case["id"].as_str().unwrap().to_owned();
            own += usize::from(id.starts_with("d-"));
            assert!(ids.insert(id), "{} stands twice", case["id"]);
        }
    }
    assert_eq!(own, 146);
}

#[test]
fn expectations_are_read_as_they_are_meant() {
    use serde_json::json;
    let outcome = |status, code: &str, aborted| Outcome {
        status,
        code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        aborted,
    };
    let case = |status: &str, error: Value, also: &[&str]| json!({ "id": "x", "why": "", "expect": { "status": status, "error": error, "also_ok": also } });
    let (expected, also_ok) = (Some(Fit::Expected), Some(Fit::AlsoOk));
    let source =
        case("502 or aborted stream", json!("source_status"), &["413", "400 invalid_x", "invalid_y"]);
    for (status, code, aborted, lawful) in [
        (502, "source_status", false, expected),
        (502, "source_tls", false, None),
        (200, "", true, expected),
        (200, "", false, None),
        (0, "", true, None),
        (413, "whatever", false, also_ok),
        (400, "invalid_x", false, also_ok),
        (400, "invalid_z", false, None),
        (502, "invalid_y", false, also_ok),
    ] {
        assert_eq!(outcome(status, code, aborted).fits(&source), lawful, "{status} {code}");
    }
    let kept = case("200 (kept)", Value::Null, &["400 invalid_zip_path"]);
    assert_eq!(outcome(200, "", false).fits(&kept), expected);
    assert_eq!(outcome(200, "", true).fits(&kept), None);
    assert_eq!(outcome(400, "invalid_zip_path", false).fits(&kept), also_ok);
}

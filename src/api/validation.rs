//! A validation as it is answered: every member always stands there, `null` where nothing is known.

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header::CACHE_CONTROL};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Part, Problem};
use super::request_id::RequestId;
use super::trace::TraceId;
use crate::{preflight, value};

/// What a download would be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validation {
    /// Whether a download would begin: nothing is listed in `errors`.
    valid: bool,
    /// Every file, in the order of the descriptor; none when there are more than the limit.
    results: Vec<Finding>,
    /// How many files the descriptor lists.
    file_count: usize,
    /// The sum of the sizes, where all are known and nothing is wrong with any file.
    #[schema(required)]
    total_size: Option<u64>,
    /// The exact length of the archive, where it would be announced.
    #[schema(required)]
    archive_size: Option<u64>,
    /// All that a download would be refused with: violations of the descriptor, faults of sources, broken limits.
    errors: Vec<Part>,
    /// What is lawful, and may still be meant otherwise.
    warnings: Vec<Warning>,
}

/// One file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// Its place in the descriptor.
    index: usize,
    /// Without query; of a `data:` URL only `data:`.
    #[schema(required)]
    url: Option<String>,
    /// Its name in the archive.
    #[schema(required)]
    zip_path: Option<String>,
    /// Whether the source answered with its bytes, or needs not be asked.
    accessible: bool,
    /// The status of its answer.
    #[schema(required)]
    status: Option<u16>,
    /// Bytes, as the source told, else as declared.
    #[schema(required)]
    size: Option<u64>,
    /// As the source told.
    #[schema(required)]
    content_type: Option<String>,
    /// RFC 3339.
    #[schema(required)]
    last_modified: Option<String>,
    /// As the source told.
    #[schema(required)]
    etag: Option<String>,
    /// Whether a body that breaks can be asked for from there.
    #[schema(required)]
    accepts_ranges: Option<bool>,
    /// Milliseconds from the question to the answer's head.
    #[schema(required)]
    latency_ms: Option<u64>,
    /// What is wrong with it first.
    #[schema(required)]
    error: Option<Fault>,
}

/// What is wrong with one file first.
#[derive(Debug, Serialize, ToSchema)]
struct Fault {
    /// The word that programs read.
    #[schema(value_type = String)]
    code: &'static str,
    /// In words.
    detail: String,
}

/// What may be meant otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct Warning {
    /// The file's place in the descriptor.
    index: usize,
    /// Where it stands in the descriptor (RFC 6901).
    pointer: String,
    /// The word that programs read.
    #[schema(value_type = String)]
    code: &'static str,
    /// In words.
    detail: String,
}

impl From<preflight::Report> for Validation {
    fn from(report: preflight::Report) -> Validation {
        let mut errors: Vec<Part> = report.violations.into_iter().flatten().map(Part::from).collect();
        for (index, finding) in report.findings.iter().enumerate() {
            // Violations are all listed above, not only the first of each file; for what is left out nothing is refused.
            let is_listed = |error: &&preflight::Error| {
                !finding.is_skipped && !matches!(error, preflight::Error::Violation(_))
            };
            let fault = finding.error.as_ref().filter(is_listed);
            errors.extend(
                fault.map(|fault| Part::new(format!("/files/{index}/url"), Problem::words_of(fault))),
            );
        }
        errors.extend(report.too_large.map(|error| Part::new("/files", Problem::words_of(&error))));
        Validation {
            valid: errors.is_empty(),
            results: report.findings.into_iter().enumerate().map(Finding::from).collect(),
            file_count: report.file_count,
            total_size: report.total_size,
            archive_size: report.archive_size,
            errors,
            warnings: report.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}

impl From<(usize, preflight::Finding)> for Finding {
    fn from((index, finding): (usize, preflight::Finding)) -> Finding {
        let accepts_ranges = finding.told.as_ref().map(|told| told.head.ranges);
        let (head, content_type, etag) =
            finding.told.map(|told| (told.head, told.content_type, told.etag)).unwrap_or_default();
        let error = finding.error.as_ref().map(Problem::words_of);
        Finding {
            index,
            url: finding.url,
            zip_path: finding.zip_path,
            accessible: finding.is_accessible,
            status: finding.status,
            size: finding.size,
            content_type,
            last_modified: head.modified.and_then(value::rfc3339),
            etag,
            accepts_ranges,
            latency_ms: finding.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            error: error.map(|(code, detail)| Fault { code, detail }),
        }
    }
}

impl From<preflight::Warning> for Warning {
    fn from(warning: preflight::Warning) -> Warning {
        let preflight::Warning { index, concern } = warning;
        let pointer = format!("/files/{index}/{}", concern.field());
        Warning { index, pointer, code: concern.code(), detail: concern.to_string() }
    }
}

impl Validation {
    /// Leaves the one line that each validation leaves in the log.
    pub(super) fn log(&self, id: &RequestId, took: Duration) {
        let (entries, errors, warnings) = (self.file_count, self.errors.len(), self.warnings.len());
        let (trace, id) = (id.trace().map(TraceId::as_str), id.as_str());
        // JSON has no number of 128 bits: it would be a text.
        let ms = took.as_millis() as u64;
        tracing::info!(id, trace, entries, ms, valid = self.valid, errors, warnings, "validation answered");
    }
}

impl IntoResponse for Validation {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(self)).into_response()
    }
}

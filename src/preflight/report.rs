//! What is known after asking: of every file, and of the archive they would make.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::descriptor::{Draft, Entry, Rejected, Source, Violations};
use crate::fetch::Described;
use crate::plan::{self, Facts, Plan};

use super::asking::Answer;
use super::warning::{self, Seen};
use super::{Concern, Error, Warning};

/// What is shown of a source whose bytes are in its URL.
const DATA: &str = "data:";

/// What a client may have in one archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that all sources may measure together, in bytes.
    pub size: u64,
}

/// How an archive is planned.
#[derive(Clone, Copy, Debug)]
pub struct Planning {
    /// The longest body that is read whole before its header, in bytes.
    pub inline_size: u64,
    /// How many sources are asked before the first byte: of others it is known only what is declared.
    pub probe_files: usize,
}

/// What a download would be.
#[derive(Debug)]
pub struct Report {
    /// Every file that was looked into, in the order of the descriptor.
    pub findings: Vec<Finding>,
    /// How many files the descriptor lists.
    pub file_count: usize,
    /// The sum of the sizes in bytes, where nothing is wrong with any file and all sizes are known.
    pub total_size: Option<u64>,
    /// The exact length of the archive in bytes, where in addition nothing is compressed and a download knows all sizes
    /// before its first byte.
    pub archive_size: Option<u64>,
    /// What is wrong with the descriptor, its files included.
    pub violations: Option<Violations>,
    /// What is wrong with the files together.
    pub too_large: Option<Error>,
    /// What is lawful, and may still be meant otherwise; in the order of the files.
    pub warnings: Vec<Warning>,
}

/// One file.
#[derive(Debug)]
pub struct Finding {
    /// Its URL as it may be shown; of a `data:` URL only the scheme.
    pub url: Option<String>,
    /// Its name; as it was sent where it is not legal.
    pub zip_path: Option<String>,
    /// Whether its bytes can be had: its source answered, or needs not be asked.
    pub is_accessible: bool,
    /// The status that its source answered with.
    pub status: Option<u16>,
    /// The time until that answer.
    pub latency: Option<Duration>,
    /// What its source told.
    pub told: Option<Described>,
    /// Its size in bytes: as its source told, else as declared.
    pub size: Option<u64>,
    /// What is wrong with it.
    pub error: Option<Error>,
    /// Whether a download would leave it out for that, instead of being refused.
    pub is_skipped: bool,
}

impl Report {
    pub(super) fn new(
        draft: Draft,
        answers: Vec<Option<Answer>>,
        limits: Limits,
        planning: Planning,
        now: SystemTime,
    ) -> Report {
        let Draft { count, files, manifest, violations } = draft;
        let now = unix(now);
        let mut findings: Vec<_> =
            files.iter().zip(answers).map(|(file, answer)| find(file, answer)).collect();
        let legal =
            || files.iter().enumerate().filter_map(|(index, file)| Some((index, file.as_ref().ok()?)));
        let planned = |findings: &[Finding], asked: usize| {
            let mut sources = 0;
            let told = legal().map(|(index, entry)| {
                sources += usize::from(matches!(entry.source, Source::Http(_)));
                let told = findings[index].told.as_ref().filter(|_| sources <= asked);
                // What has to be looked at is left open: such an archive announces no length beforehand.
                let content_type = told.and_then(|told| told.content_type.as_deref());
                let is_compressed = plan::compressed_by(entry, content_type).is_some();
                (told.map(|told| told.head.clone()), is_compressed)
            });
            let (heads, compressed) = told.unzip();
            let facts = Facts { compressed, heads, inline_size: planning.inline_size, time: now };
            let entries = legal().map(|(_, entry)| entry.clone()).collect();
            Plan::new(entries, manifest.clone(), facts)
        };
        let mut plan = planned(&findings, usize::MAX);
        if plan.skips() {
            for ((index, _), planned) in legal().zip(&mut plan.entries) {
                planned.skipped = findings[index].error.as_ref().and_then(Error::as_skipped);
            }
        }
        let is_hollow = plan.is_hollow();
        let (mut warnings, mut before) = (Vec::new(), 0_u64);
        for ((index, entry), planned) in legal().zip(&plan.entries) {
            let finding = &mut findings[index];
            finding.size = planned.length().filter(|_| finding.is_accessible);
            let seen = Seen { entry, told: finding.told.as_ref(), length: planned.length(), before, now };
            let mut concerns = warning::concerns(&seen);
            if let Some(skipped) = planned.skipped.as_ref().filter(|_| !is_hollow) {
                findings[index].is_skipped = true;
                concerns.push(Concern::Skipped(skipped.detail.clone()));
            }
            warnings.extend(concerns.into_iter().map(|concern| Warning { index, concern }));
            before = before.saturating_add(planned.length().unwrap_or(0));
        }
        let too_large = plan.check_size(limits.size).err().map(Error::from);
        let is_sound = violations.is_none() && findings.iter().all(|finding| finding.error.is_none());
        let total_size = plan.total_size().filter(|_| is_sound);
        let archive_size =
            if is_sound { planned(&findings, planning.probe_files).archive_length() } else { None };
        Report { findings, file_count: count, total_size, archive_size, violations, too_large, warnings }
    }
}

/// Joins a file with what its source answered.
fn find(file: &Result<Entry, Rejected>, answer: Option<Answer>) -> Finding {
    let nothing = Finding {
        url: None,
        zip_path: None,
        is_accessible: false,
        status: None,
        latency: None,
        told: None,
        size: None,
        error: None,
        is_skipped: false,
    };
    let entry = match file {
        Ok(entry) => entry,
        Err(Rejected { url, zip_path, violation }) => {
            let (url, zip_path) = (url.clone(), zip_path.clone());
            return Finding { url, zip_path, error: Some(Error::Violation(violation.clone())), ..nothing };
        }
    };
    let url = match &entry.source {
        Source::Data(_) => Some(DATA.to_owned()),
        Source::Directory => None,
        Source::Http(source) => Some(source.shown()),
    };
    let known = Finding { url, zip_path: Some(entry.name.as_str().to_owned()), ..nothing };
    match answer {
        None => Finding { is_accessible: true, ..known },
        Some(Answer { told: Ok(told), latency }) => Finding {
            is_accessible: true,
            status: Some(told.status.as_u16()),
            latency: Some(latency),
            error: entry.expected.check_length(told.head.length).err().map(Error::from),
            told: Some(told),
            ..known
        },
        Some(Answer { told: Err(error), latency }) => {
            let status = error.status().map(|status| status.as_u16());
            // Only of an answer: how long a refused or silent address takes is nobody's business.
            let latency = status.map(|_| latency);
            Finding { status, latency, error: Some(error.into()), ..known }
        }
    }
}

fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

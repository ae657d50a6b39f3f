//! The house rules as tests: every rule over every file, and every rule over a text that breaks it.
//!
//! The second half is there because a rule that finds nothing anywhere looks the same as a rule that is kept.

mod rules;
mod source;

use std::path::Path;

use rules::Complaints;
use source::Source;

/// Every rule, with texts that break it and texts that keep it, each as path and text.
struct Rule {
    judge: fn(&Source) -> Complaints,
    breaks: &'static [(&'static str, &'static str)],
    keeps: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        judge: rules::imports_go_down,
        breaks: &[
            ("src/zip/mod.rs", "use crate::value::ByteSize;"),
            ("src/fetch/mod.rs", "use crate::{budget, limits::Rate};"),
            ("src/fetch/retry.rs", "fn f() { crate::archive::f() }"),
            ("src/fetch/mod.rs", "fn f() -> super::api::Problem {}"),
            ("src/api/mod.rs", "mod tests { fn f() { super::super::server::run() } }"),
            ("src/telemetry/mod.rs", "use crate::config::Config;"),
            ("src/odd/mod.rs", "use crate::zip::Entry;"),
            ("src/fetch/mod.rs", "use crate::odd::Entry;"),
        ],
        keeps: &[
            (
                "src/fetch/mod.rs",
                "use crate::{budget, egress::Dialer}; use crate::fetch::Error; pub(crate) fn f() {}",
            ),
            ("src/fetch/mod.rs", "// use crate::limits::Rate;\nconst A: &str = \"crate::limits::Rate\";"),
            ("src/fetch/retry.rs", "use super::Error; mod tests { use super::*; }"),
            ("src/config/mod.rs", "use crate::server; use crate::telemetry::Config;"),
            ("src/main.rs", "use zipstream::app::App;"),
            ("src/lib.rs", "pub mod zip; pub use crate::zip::Entry;"),
            ("tests/it/a.rs", "use zipstream::zip::Entry;"),
        ],
    },
    Rule {
        judge: rules::names_come_from_the_area_itself,
        breaks: &[
            ("src/archive/mod.rs", "use crate::zip::local::Header;"),
            ("src/archive/mod.rs", "use crate::{zip::{Entry, local::{self, Header}}};"),
            ("src/archive/mod.rs", "use crate::zip; fn f() { zip::local::write() }"),
            ("src/archive/mod.rs", "use crate::zip::*;"),
            ("src/main.rs", "fn f() { zipstream::config::load::load() }"),
        ],
        keeps: &[
            (
                "src/archive/mod.rs",
                "use crate::zip::{self, Entry}; fn f() { zip::crc(); zip::Method::Store; }",
            ),
            ("src/archive/stream.rs", "use super::prefetch::Prefetch; use crate::archive::prefetch::Window;"),
            ("src/archive/mod.rs", "fn f() { zip::local::write() }"),
        ],
    },
    Rule {
        judge: rules::nothing_is_exported_by_glob,
        breaks: &[
            ("src/zip/mod.rs", "    pub use entry::*;"),
            ("src/zip/mod.rs", "pub(crate) use entry::{\n    a,\n    b::*,\n};"),
        ],
        keeps: &[("src/zip/mod.rs", "pub use entry::Entry; mod tests { use super::*; }")],
    },
    Rule {
        judge: rules::the_environment_is_read_in_one_place,
        breaks: &[
            ("src/main.rs", "fn f() { std::env::args(); }"),
            ("src/fetch/mod.rs", "use std::{env, io};"),
            ("src/config/mod.rs", "use std::env::var;"),
        ],
        keeps: &[
            ("src/config/load.rs", "use std::env::var;"),
            ("src/main.rs", "const VERSION: &str = env!(\"CARGO_PKG_VERSION\");"),
            ("tests/it/a.rs", "fn f() { std::env::var(\"A\"); }"),
        ],
    },
    Rule {
        judge: rules::crates_stay_behind_their_fences,
        breaks: &[
            ("src/archive/mod.rs", "use axum::body::Body;"),
            ("src/fetch/mod.rs", "use reqwest::Client;"),
            ("src/links/store.rs", "fn f(c: redis::Client) {}"),
            ("src/links/mod.rs", "mod redis; use ::redis::Client;"),
            ("src/zip/mod.rs", "#[tokio::test] fn f() {}"),
            ("src/descriptor/mod.rs", "use tokio_util::io::ReaderStream;"),
            ("src/zip/entry.rs", "use serde::Serialize;"),
            ("src/zip/timestamp.rs", "fn f() { std::time::SystemTime::now(); }"),
        ],
        keeps: &[
            ("src/api/mod.rs", "use axum::Router;"),
            ("src/server.rs", "use axum::Router;"),
            ("src/links/redis.rs", "use redis::Client;"),
            ("src/links/mod.rs", "mod redis; pub use redis::Links;"),
            ("src/descriptor/raw.rs", "use serde::Deserialize;"),
            ("src/fetch/mod.rs", "use tokio::time::Instant;"),
        ],
    },
    Rule {
        judge: rules::files_open_with_what_they_are,
        breaks: &[("src/a.rs", "use a;"), ("src/a.rs", "\n//! A."), ("src/a.rs", LONG_OPENING)],
        keeps: &[("src/a.rs", "//! A.\n\nuse a;"), ("src/lib.rs", LONG_OPENING)],
    },
    Rule {
        judge: rules::names_say_something,
        breaks: &[
            ("src/api/get.rs", "fn get_link() {}"),
            ("src/api/utils.rs", ""),
            ("src/helpers/a.rs", ""),
            ("tests/it/common/mod.rs", ""),
            ("src/link_manager.rs", ""),
            ("src/api/a.rs", "struct LinkService;"),
            ("src/api/a.rs", "mod handlers;"),
        ],
        keeps: &[
            ("src/api/get.rs", "fn get() {} fn f() { map.get_mut(1); } struct Uncommon; // fn get_x"),
            ("src/api/a.rs", "impl tower::Service<R> for A { type Response = B; }"),
        ],
    },
    Rule {
        judge: rules::nothing_is_left_for_later,
        breaks: &[
            ("src/a.rs", concat!("// TO", "DO: all of it")),
            ("tests/it/a.rs", concat!("// FIX", "ME")),
            ("src/a.rs", "fn f() { todo!() }"),
            ("src/a.rs", "fn f() { unimplemented!(\"x\") }"),
        ],
        keeps: &[("src/a.rs", "fn todo() {}")],
    },
    Rule {
        judge: rules::errors_have_types,
        breaks: &[
            ("src/a.rs", "fn f() -> Result<(), Box<dyn Error>> { /* long enough to be seen */ g(1) }"),
            ("src/a.rs", "fn f() -> Result<(), Box<dyn std::error::Error + Send>> { g(1) }"),
        ],
        keeps: &[("src/a.rs", "fn f(a: Box<dyn Fn() -> Error>) -> Error { g(1, 2, 3) }")],
    },
];

const LONG_OPENING: &str =
    "//!1\n//!2\n//!3\n//!4\n//!5\n//!6\n//!7\n//!8\n//!9\n//!10\n//!11\n//!12\n//!13\n//!14\n//!15\n//!16";

#[test]
fn the_house_is_in_order() {
    let sources = every_source();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the files were not found");
    let judges =
        RULES.iter().map(|rule| rule.judge).chain([rules::files_are_short as fn(&Source) -> Complaints]);
    let complaints: Complaints =
        judges.flat_map(|judge| sources.iter().flat_map(judge).collect::<Vec<_>>()).collect();
    assert!(
        complaints.is_empty(),
        "the house rules (CONTRIBUTING.md) are broken:\n{}",
        complaints.join("\n")
    );
}

#[test]
fn every_rule_finds_what_breaks_it_and_nothing_else() {
    for (index, rule) in RULES.iter().enumerate() {
        for (path, text) in rule.breaks {
            assert_ne!(
                (rule.judge)(&Source::new(path, text)),
                Complaints::new(),
                "rule {index}: {path}: {text}"
            );
        }
        for (path, text) in rule.keeps {
            assert_eq!(
                (rule.judge)(&Source::new(path, text)),
                Complaints::new(),
                "rule {index}: {path}: {text}"
            );
        }
    }
}

#[test]
fn a_file_of_401_lines_is_too_long() {
    assert_eq!(rules::files_are_short(&Source::new("src/a.rs", &"//\n".repeat(400))), Complaints::new());
    assert_ne!(rules::files_are_short(&Source::new("src/a.rs", &"//\n".repeat(401))), Complaints::new());
}

/// Every Rust file of the package.
fn every_source() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders: Vec<_> =
        ["src", "tests", "benches", "fuzz"].iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path.strip_prefix(root).unwrap().to_str().unwrap();
                sources.push(Source::new(shown, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

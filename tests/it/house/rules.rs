//! The house rules, each a function from a file to what is wrong with it.

use super::source::{Path, Source, Token};

/// The areas and their floors: a file imports its own area and lower floors. The composition on top has an order of its own.
const FLOORS: &[(&str, u8)] = &[
    ("main", 84),
    ("commands", 83),
    ("app", 82),
    ("config", 81),
    ("server", 80),
    ("telemetry", 80),
    ("api", 70),
    ("archive", 50),
    ("preflight", 50),
    ("verify", 50),
    ("fetch", 40),
    ("limits", 40),
    ("links", 40),
    ("plan", 30),
    ("descriptor", 20),
    ("budget", 10),
    ("egress", 10),
    ("state", 10),
    ("value", 0),
    ("zip", 0),
];

/// Crates, and whether a file of this path may name them.
type Fence = (&'static [&'static str], fn(&str) -> bool);

/// Crates that only some files may name.
const FENCES: &[Fence] = &[
    (&["axum", "axum_core", "axum_extra"], |path| {
        path.starts_with("src/api/")
            || path.starts_with("src/server")
            || ["src/app.rs", "src/main.rs"].contains(&path)
    }),
    // All requests leave through egress' dialer.
    (&["reqwest"], |path| !path.starts_with("src/")),
    (&["redis"], |path| path.ends_with("/redis.rs")),
    (&["tokio", "tokio_util", "tokio_stream"], |path| {
        !["src/zip/", "src/descriptor/", "src/plan/"].iter().any(|area| path.starts_with(area))
            && !["src/zip.rs", "src/descriptor.rs", "src/plan.rs"].contains(&path)
    }),
    (&["serde", "serde_json"], |path| !path.starts_with("src/zip")),
];

/// The most lines of a file.
const MOST_LINES: usize = 400;
/// The most lines of a file's opening comment, and of the map of all areas.
const MOST_OPENING_LINES: usize = 15;
const MOST_MAP_LINES: usize = 40;

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["common", "handler", "helper", "manager", "service", "util"];

/// What is wrong, and where.
pub type Complaints = Vec<String>;

/// Imports go down, never up and never sideways.
pub fn imports_go_down(source: &Source) -> Complaints {
    let Some(own) = source.area() else { return Vec::new() };
    let Some(floor) = floor(&own) else { return vec![format!("{}: area {own} has no floor", source.path)] };
    let climbs = |area: &str| area != own && self::floor(area).is_none_or(|other| other >= floor);
    foreign(source)
        .filter(|(area, _, _)| climbs(area))
        .map(|(area, _, path)| format!("{}:{}: {own} imports {area}", source.path, path.line))
        .collect()
}

/// From outside an area only `area::Name` is used, and no globs.
pub fn names_come_from_the_area_itself(source: &Source) -> Complaints {
    foreign(source)
        .filter(|(_, rest, _)| match rest {
            [only] => only == "*",
            [first, ..] => first.starts_with(char::is_lowercase),
            [] => false,
        })
        .map(|(area, rest, path)| format!("{}:{}: {area}::{}", source.path, path.line, rest.join("::")))
        .collect()
}

/// No glob is re-exported.
pub fn nothing_is_exported_by_glob(source: &Source) -> Complaints {
    let is_export = |two: &[Token]| two[1].text == "use" && matches!(two[0].text.as_str(), "pub" | ")");
    let begins =
        source.tokens.windows(2).enumerate().filter(|(_, two)| is_export(two)).map(|(index, _)| index);
    begins
        .filter(|begin| {
            source.tokens[*begin..]
                .iter()
                .take_while(|token| token.text != ";")
                .any(|token| token.text == "*")
        })
        .map(|begin| said(source, source.tokens[begin].line, "pub use …::*"))
        .collect()
}

/// The environment is read in one place.
pub fn the_environment_is_read_in_one_place(source: &Source) -> Complaints {
    let is_environment = |path: &&Path| path.segments.starts_with(&["std".to_owned(), "env".to_owned()]);
    if !source.path.starts_with("src/") || source.path == "src/config/load.rs" {
        return Vec::new();
    }
    source.paths.iter().filter(is_environment).map(|path| said(source, path.line, "std::env")).collect()
}

/// Frameworks stay behind their fences, and the encoder has no clock.
pub fn crates_stay_behind_their_fences(source: &Source) -> Complaints {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    // A module of that name (`mod redis;`) is not the crate.
    let declares =
        |name: &str| source.tokens.windows(2).any(|two| two[0].text == "mod" && two[1].text == name);
    let breaks = |path: &Path| {
        let name = path.segments[0].as_str();
        let fence = FENCES.iter().find(|(names, _)| names.contains(&name));
        fence.is_some_and(|(_, lawful)| !lawful(&source.path)) && (path.is_global || !declares(name))
    };
    let crates = source.paths.iter().filter(|path| breaks(path));
    let is_clock = |text: &str| matches!(text, "SystemTime" | "Instant");
    let clocks =
        source.tokens.iter().filter(|token| source.path.starts_with("src/zip") && is_clock(&token.text));
    crates
        .map(|path| said(source, path.line, &path.segments.join("::")))
        .chain(clocks.map(|token| said(source, token.line, &token.text)))
        .collect()
}

/// No file is longer than a reader's patience.
pub fn files_are_short(source: &Source) -> Complaints {
    let length = source.text.lines().count();
    if length > MOST_LINES { vec![format!("{}: {length} lines", source.path)] } else { Vec::new() }
}

/// Every file opens by saying what it is.
pub fn files_open_with_what_they_are(source: &Source) -> Complaints {
    let length = source.text.lines().take_while(|line| line.starts_with("//!")).count();
    let most = if source.path == "src/lib.rs" { MOST_MAP_LINES } else { MOST_OPENING_LINES };
    match length {
        1.. if length <= most => Vec::new(),
        0 => vec![format!("{}: does not open with //!", source.path)],
        _ => vec![format!("{}: opens with {length} lines", source.path)],
    }
}

/// Names say what a thing is.
pub fn names_say_something(source: &Source) -> Complaints {
    let mut complaints = Vec::new();
    let is_empty = |name: &str| {
        let mut words = words(name).into_iter();
        words.any(|word| {
            EMPTY_WORDS.contains(&word.as_str()) || EMPTY_WORDS.contains(&word.trim_end_matches('s'))
        })
    };
    if source.path.split(['/', '.']).any(is_empty) {
        complaints.push(format!("{}: the file's name", source.path));
    }
    for pair in source.tokens.windows(2) {
        let (keyword, name) = (pair[0].text.as_str(), pair[1].text.as_str());
        if keyword == "fn" && name.starts_with("get_") {
            complaints.push(said(source, pair[1].line, name));
        }
        let is_type = matches!(keyword, "enum" | "mod" | "struct" | "trait" | "type");
        if is_type && source.path.starts_with("src/") && is_empty(name) {
            complaints.push(said(source, pair[1].line, name));
        }
    }
    complaints
}

/// Nothing is left for later.
pub fn nothing_is_left_for_later(source: &Source) -> Complaints {
    // Put together, so that this file keeps the rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let marked = lines(source).filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
    let macros = source
        .tokens
        .windows(2)
        .filter(|two| matches!(two[0].text.as_str(), "todo" | "unimplemented" | "dbg") && two[1].text == "!");
    marked
        .map(|(number, line)| said(source, number, line.trim()))
        .chain(macros.map(|two| said(source, two[0].line, &two[0].text)))
        .collect()
}

/// Errors have types.
pub fn errors_have_types(source: &Source) -> Complaints {
    let is_boxed = |four: &&[Token]| {
        four[..3].iter().map(|token| token.text.as_str()).eq(["Box", "<", "dyn"])
            && four[3..]
                .iter()
                .take_while(|token| !matches!(token.text.as_str(), ">" | "("))
                .any(|token| token.text == "Error")
    };
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    source
        .tokens
        .windows(9)
        .filter(is_boxed)
        .map(|nine| said(source, nine[0].line, "Box<dyn Error>"))
        .collect()
}

/// The paths that lead into another area: its name, what follows it, and the path.
fn foreign(source: &Source) -> impl Iterator<Item = (&str, &[String], &Path)> {
    let own = source.area();
    let is_crate = |name: &str| name == "crate" || name == "zipstream";
    // `use crate::zip;` makes `zip::Entry` such a path too.
    let imported: Vec<&str> = source
        .paths
        .iter()
        .filter_map(|path| match path.segments.as_slice() {
            [root, area] if is_crate(root) => Some(area.as_str()),
            [root, area, last] if is_crate(root) && last == "self" => Some(area.as_str()),
            _ => None,
        })
        .collect();
    source.paths.iter().filter_map(move |path| {
        let (area, rest) = match path.segments.as_slice() {
            [root, area, rest @ ..] if is_crate(root) => (area.as_str(), rest),
            [area, rest @ ..] if imported.contains(&area.as_str()) && !path.is_global => {
                (area.as_str(), rest)
            }
            _ => return None,
        };
        let leads_out = source.path.starts_with("src/") && own.as_deref().is_some_and(|own| own != area);
        leads_out.then_some((area, rest, path))
    })
}

fn floor(area: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == area).map(|(_, floor)| *floor)
}

/// The words of a name, whether `snake_case` or `CamelCase`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// The lines of a file with their numbers.
fn lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn said(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

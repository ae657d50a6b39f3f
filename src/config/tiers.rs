//! Tiers by any name: each key is judged like that of `tiers.anonymous`, which also gives what a tier leaves out.

use std::collections::BTreeSet;

use config::Value;

use super::load::{Problem, Values};
use crate::limits;

/// What the keys of tiers begin with.
const SECTION: &str = "tiers.";

/// How much a name may look like that of the anonymous tier (Jaro-Winkler) before it is taken for a slip.
const ALIKE: f64 = 0.9;

/// The key of the anonymous tier that stands for this key of another one.
pub(super) fn model(key: &str) -> Option<String> {
    let (name, field) = parts(key)?;
    let of = if field.is_empty() { String::new() } else { format!(".{field}") };
    (name != limits::ANONYMOUS).then(|| format!("{SECTION}{}{of}", limits::ANONYMOUS))
}

/// Says of a key's own tier what was said of the anonymous one.
pub(super) fn speak_of(key: &str, reason: &str) -> String {
    let name = parts(key).map_or(limits::ANONYMOUS, |(name, _)| name);
    reason.replace(&format!("`{SECTION}{}.", limits::ANONYMOUS), &format!("`{SECTION}{name}."))
}

/// What is wrong with the name of the tier that a key belongs to.
pub(super) fn judge_name(key: &str) -> Result<(), String> {
    let Some((name, _)) = parts(key) else { return Ok(()) };
    judge_lawful(name)?;
    match is_slip(name) {
        true => Err(format!("did you mean `{}`?", key.replacen(name, limits::ANONYMOUS, 1))),
        false => Ok(()),
    }
}

/// What is wrong with a tier's name.
pub(super) fn judge_tier(name: &str) -> Result<(), String> {
    judge_lawful(name)?;
    match is_slip(name) {
        true => Err(format!("did you mean `{}`?", limits::ANONYMOUS)),
        false => Ok(()),
    }
}

fn judge_lawful(name: &str) -> Result<(), String> {
    match limits::is_tier_name(name) {
        true => Ok(()),
        false => Err("names a tier that must be 1 to 64 of a-z 0-9 - _, the first a letter".into()),
    }
}

fn is_slip(name: &str) -> bool {
    name != limits::ANONYMOUS && strsim::jaro_winkler(name, limits::ANONYMOUS) > ALIKE
}

/// The names of the tiers that a key can have, set well or badly. The anonymous one is none of them when it asks for a
/// key itself.
pub(super) fn for_keys(defaults: &Values, set: &Values) -> BTreeSet<String> {
    let mut names = names(defaults.keys().chain(set.keys()));
    if set.iter().any(|(key, value)| model(key).is_none() && parts(key).is_some() && is_no_hour(key, value)) {
        names.remove(limits::ANONYMOUS);
    }
    names
}

fn names<'a>(keys: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    keys.filter_map(|key| parts(key)).map(|(name, _)| name.to_owned()).collect()
}

/// Whether a key sets a quota of nothing.
fn is_no_hour(key: &str, value: &Value) -> bool {
    key.ends_with("_per_hour") && matches!(value.clone().into_int(), Ok(0))
}

/// Gives every tier what it leaves out. An hour without archives is for anonymous clients alone: to a client with a
/// key nothing could be said but "never".
pub(super) fn complete(values: &mut Values) -> Vec<Problem> {
    let names = names(values.keys());
    let anonymous: Vec<(String, Value)> = values
        .iter()
        .filter_map(|(key, value)| Some((parts(key)?, value)))
        .filter(|((name, field), _)| *name == limits::ANONYMOUS && !field.is_empty())
        .map(|((_, field), value)| (field.to_owned(), value.clone()))
        .collect();
    let mut problems = Vec::new();
    for name in names.iter().filter(|name| *name != limits::ANONYMOUS) {
        values.remove(&format!("{SECTION}{name}"));
        for (field, inherited) in &anonymous {
            let key = format!("{SECTION}{name}.{field}");
            let value = values.entry(key.clone()).or_insert_with(|| inherited.clone());
            if is_no_hour(&key, value) {
                let origin = value.origin().unwrap_or("the configuration file").to_owned();
                let reason =
                    "must be at least 1: only tiers.anonymous may have 0, which asks for a key".into();
                problems.push(Problem { key, origin, reason });
            }
        }
    }
    problems
}

/// The tier's name and the rest of a key.
fn parts(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix(SECTION)?;
    Some(rest.split_once('.').unwrap_or((rest, "")))
}

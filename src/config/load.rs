//! Reads the configuration: built-in defaults, then a file, then the environment, then arguments.
//!
//! Every mistake is reported at once, by its key. serde stops at the first one; so each key that
//! somebody set is tried alone on top of the defaults, which are known to be sound.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use config::{File, FileFormat, Source, Value, ValueKind};
use ipnet::IpNet;

use super::{Config, Loaded, keys, tiers};

/// The reference of all keys, and their defaults.
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// What the name of a variable that is ours begins with.
const PREFIX: &str = "ZIPSTREAM__";

/// Where settings come from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Variables of the environment: name and value.
    pub environment: Vec<(String, String)>,
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// The argument `--listen`.
    pub listen: Option<SocketAddr>,
}

impl Sources {
    /// A file and an address from the command line, and this process's environment.
    pub fn of_process(file: Option<PathBuf>, listen: Option<SocketAddr>) -> Sources {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Sources { environment, file, listen }
    }
}

/// Reads all sources.
///
/// # Errors
/// Every unknown key and every bad value, by key.
pub fn load(sources: &Sources) -> Result<Loaded, Error> {
    let mut defaults = flat(File::from_str(DEFAULTS, FileFormat::Toml)).map_err(Error::Defaults)?;
    // Not in the file: with an empty list in it, nobody who copies it could add [[keys]].
    defaults.insert(keys::KEYS.into(), Value::new(None, ValueKind::Array(Vec::new())));
    let mut problems = Vec::new();
    let mut set = Values::new();
    if let Some(path) = &sources.file {
        set = read_file(path).unwrap_or_else(|problem| {
            problems.push(problem);
            Values::new()
        });
    }
    for (name, text) in &sources.environment {
        if let Some(key) = name.strip_prefix(PREFIX) {
            let key = key.replace("__", ".").to_lowercase();
            let model = tiers::model(&key);
            let value = from_text(text, defaults.get(model.as_ref().unwrap_or(&key)));
            set.insert(key, Value::new(Some(name), value));
        }
    }
    if let Some(address) = sources.listen {
        set.insert("server.listen".into(), Value::new(Some(&"--listen".into()), address.to_string()));
    }

    let mut values = defaults.clone();
    // A tier with a mistake in it is there nevertheless.
    let tiers = tiers::for_keys(&defaults, &set);
    for (key, value) in set {
        let origin = value.origin().unwrap_or("the configuration file").to_owned();
        let problem = |(key, reason)| Problem { key, origin: origin.clone(), reason };
        if key == keys::KEYS {
            problems.extend(keys::judge(&value, &tiers).into_iter().map(problem));
        } else if let Err(reason) = judge(&defaults, &key, &value) {
            problems.push(problem((key, reason)));
            continue;
        }
        values.insert(key, value);
    }
    problems.extend(tiers::complete(&mut values));
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let config = build(&values).map_err(Error::Defaults)?;
    let conflicts = conflicts(&config, &values);
    if conflicts.is_empty() { Ok(Loaded { config, values }) } else { Err(Error::Invalid(conflicts)) }
}

/// Judges keys beside each other, when each is lawful by itself. Of those that do not go together one that somebody set
/// is at fault.
fn conflicts(config: &Config, values: &Values) -> Vec<Problem> {
    let origin = |key: &str| values.get(key).and_then(|value| value.origin());
    let problem = |sides: Vec<(&'static str, String)>| {
        let set = sides.into_iter().find_map(|(key, reason)| Some((key, origin(key)?.to_owned(), reason)));
        set.map(|(key, origin, reason)| Problem { key: key.into(), origin, reason })
    };
    config.conflicts().into_iter().filter_map(problem).collect()
}

/// Values by dotted key.
pub(super) type Values = BTreeMap<String, Value>;

/// Reads a file into dotted keys.
fn read_file(path: &Path) -> Result<Values, Problem> {
    let origin = path.display().to_string();
    let problem = |reason| Problem { key: "--config".into(), origin: origin.clone(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let mut values =
        flat(File::from_str(&text, FileFormat::Toml)).map_err(|error| problem(error.to_string()))?;
    for value in values.values_mut() {
        *value = Value::new(Some(&origin), value.kind.clone());
    }
    Ok(values)
}

/// Collects a source into dotted keys. An empty table is a key too, so that an unknown section is seen.
fn flat(source: impl Source) -> Result<Values, config::ConfigError> {
    let mut values = Values::new();
    let mut open: Vec<(String, Value)> = source.collect()?.into_iter().collect();
    while let Some((key, value)) = open.pop() {
        match value.kind {
            ValueKind::Table(table) if !table.is_empty() => {
                open.extend(table.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            _ => _ = values.insert(key, value),
        }
    }
    Ok(values)
}

/// Gives a variable's text the shape that the key's default has.
fn from_text(text: &str, default: Option<&Value>) -> ValueKind {
    let scalar = |text: &str, like: Option<&ValueKind>| match (like, text.parse()) {
        (Some(ValueKind::I64(_)), Ok(number)) => ValueKind::I64(number),
        _ => ValueKind::String(text.to_owned()),
    };
    match default.map(|value| &value.kind) {
        Some(ValueKind::Array(items)) => {
            let like = items.first().map(|item| &item.kind);
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            ValueKind::Array(parts.map(|part| Value::new(None, scalar(part, like))).collect())
        }
        like => scalar(text, like),
    }
}

/// Judges one key alone, on top of the defaults.
fn judge(defaults: &Values, key: &str, value: &Value) -> Result<(), String> {
    if let Some(model) = tiers::model(key) {
        tiers::judge_name(key)?;
        return judge(defaults, &model, value).map_err(|reason| tiers::speak_of(key, &reason));
    }
    if !defaults.contains_key(key) {
        return match (&value.kind, defaults.keys().any(|known| known.starts_with(&format!("{key}.")))) {
            (ValueKind::Table(_), true) => Ok(()),
            (_, true) => Err("is a section, not a key".into()),
            (_, false) => Err(unknown(defaults, key)),
        };
    }
    let mut values = defaults.clone();
    values.insert(key.to_owned(), value.clone());
    let config = build(&values).map_err(|error| innermost(&error))?;
    match config.faults().into_iter().find(|(at, _)| *at == key) {
        Some((_, reason)) => Err(reason.into()),
        None => Ok(()),
    }
}

/// Says that a key is unknown, and which known one is nearest.
fn unknown(defaults: &Values, key: &str) -> String {
    let near = defaults.keys().map(|known| (strsim::jaro_winkler(known, key), known));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, known)) if likeness > 0.85 => format!("is unknown; did you mean `{known}`?"),
        _ => "is unknown".into(),
    }
}

/// Reads a set of values into the types of the areas.
fn build(values: &Values) -> Result<Config, config::ConfigError> {
    let mut builder = config::Config::builder();
    for (key, value) in values {
        if !matches!(value.kind, ValueKind::Table(_)) {
            builder = builder.set_override(key, networks(key, &value.kind))?;
        }
    }
    let mut config: Config = builder.build()?.try_deserialize()?;
    // TOML has no word for "none".
    config.fetch.ca_file.take_if(|path| path.as_os_str().is_empty());
    Ok(config)
}

/// Keys that list networks.
const NETWORKS: [&str; 2] = ["egress.allow", "server.trusted_proxies"];

/// Gives a bare address among networks its length: it is the network of itself alone.
fn networks(key: &str, kind: &ValueKind) -> ValueKind {
    let widened = |item: &Value| match &item.kind {
        ValueKind::String(text) => match text.parse::<IpAddr>() {
            Ok(address) => Value::new(None, IpNet::from(address).to_string()),
            Err(_) => item.clone(),
        },
        _ => item.clone(),
    };
    match kind {
        ValueKind::Array(items) if NETWORKS.contains(&key) => {
            ValueKind::Array(items.iter().map(widened).collect())
        }
        other => other.clone(),
    }
}

/// The error without the crate's own remarks on key and origin, which the problem names itself.
fn innermost(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::At { error, .. } => innermost(error),
        config::ConfigError::Type { unexpected, expected, .. } => {
            format!("is {unexpected}, expected {expected}")
        }
        config::ConfigError::Message(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The built-in file is broken: a fault of this build.
    #[error("the built-in configuration is broken: {0}")]
    Defaults(config::ConfigError),
    /// Somebody set what cannot be set.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key.
    pub key: String,
    /// The file, variable or argument that set it.
    pub origin: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} ({}): {}", self.key, self.origin, self.reason)
    }
}

//! The configuration as it takes effect, written down so that it could be read again.

use std::fmt;

use config::ValueKind;

use super::{
    Config,
    keys::{KEYS, Lines},
    load::Values,
};

/// Keys whose values are never shown.
const SECRETS: &[&str] = &["state.url"];

/// The configuration, and how it looks when written down.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The effective value of every key.
    pub(super) values: Values,
}

impl fmt::Display for Loaded {
    /// Writes the effective configuration as TOML, without secrets.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for (key, value) in self.values.iter().filter(|(key, _)| *key != KEYS) {
            let (of, name) = key.rsplit_once('.').unwrap_or(("", key));
            if of != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                writeln!(to, "{gap}[{of}]")?;
                section = of;
            }
            let masked = ValueKind::String("***".into());
            let is_set = !matches!(&value.kind, ValueKind::String(text) if text.is_empty());
            let shown = if is_set && SECRETS.contains(&key.as_str()) { &masked } else { &value.kind };
            writeln!(to, "{name} = {}", Literal(shown))?;
        }
        self.config.keys.iter().try_for_each(|key| write!(to, "\n{}", Lines(key)))
    }
}

/// A value in TOML's spelling. JSON's strings are also TOML's.
struct Literal<'a>(&'a ValueKind);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueKind::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| Literal(&item.kind).to_string()).collect();
                write!(to, "[{}]", items.join(", "))
            }
            ValueKind::String(text) => write!(to, "{}", serde_json::Value::from(text.as_str())),
            other => write!(to, "{other}"),
        }
    }
}

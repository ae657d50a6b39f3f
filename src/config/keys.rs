//! API keys in the configuration: `[[keys]]` in a file, `name:tier:sha256` by comma in the environment; and how a new
//! one is made.

use std::{collections::BTreeSet, fmt};

use config::{Map, Value, ValueKind};

use super::{Config, Tiers, tiers};
use crate::{
    limits::{self, Key, KeyError},
    value::Secret,
};

/// The key of the whole list.
pub(super) const KEYS: &str = "keys";

/// What every key has.
const FIELDS: [&str; 3] = ["name", "sha256", "tier"];

/// What is wrong with a list of keys: where and why. Values are never repeated: somebody may have put the key itself
/// in its hash's place.
pub(super) fn judge(list: &Value, tiers: &BTreeSet<String>) -> Vec<(String, String)> {
    let ValueKind::Array(items) = &list.kind else {
        return vec![(KEYS.into(), "must be a list: [[keys]] with name, sha256 and tier".into())];
    };
    let mut complaints = Vec::new();
    let mut sound: Vec<(usize, Key)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = |field: &str| format!("{KEYS}[{index}].{field}");
        let key = match read(item) {
            Ok(key) => key,
            Err(faults) => {
                let place =
                    |field: &str| if field.is_empty() { format!("{KEYS}[{index}]") } else { at(field) };
                complaints.extend(faults.into_iter().map(|(field, reason)| (place(&field), reason)));
                continue;
            }
        };
        if !tiers.contains(&key.tier) {
            complaints.push((at("tier"), unknown_tier(&key.tier, tiers)));
        }
        for (other, earlier) in &sound {
            for (field, same) in
                [("name", earlier.name == key.name), ("sha256", earlier.sha256 == key.sha256)]
            {
                if same {
                    complaints.push((at(field), format!("is that of {KEYS}[{other}] too")));
                }
            }
        }
        sound.push((index, key));
    }
    complaints
}

/// Reads one key; else says of each field what is wrong with it, and of the whole with no field's name.
fn read(item: &Value) -> Result<Key, Vec<(String, String)>> {
    let whole = |error: &dyn fmt::Display| vec![(String::new(), error.to_string())];
    match &item.kind {
        ValueKind::String(text) => text.parse().map_err(|error: KeyError| whole(&error)),
        ValueKind::Table(table) => read_table(table),
        _ => Err(whole(&"must be a table with name, sha256 and tier")),
    }
}

fn read_table(table: &Map<String, Value>) -> Result<Key, Vec<(String, String)>> {
    let unknown = table.keys().filter(|name| !FIELDS.contains(&name.as_str()));
    let mut faults: Vec<_> = unknown
        .map(|name| (name.clone(), "is unknown; a key has name, sha256 and tier".to_owned()))
        .collect();
    let mut text = |field: &str| match table.get(field).map(|value| &value.kind) {
        Some(ValueKind::String(text)) => Some(text.as_str()),
        Some(_) => {
            faults.push((field.to_owned(), "must be a text".into()));
            None
        }
        None => {
            faults.push((field.to_owned(), "is missing".into()));
            None
        }
    };
    let [name, sha256, tier] = FIELDS.map(&mut text);
    let (Some(name), Some(sha256), Some(tier)) = (name, sha256, tier) else { return Err(faults) };
    let key = Key::new(name, tier, sha256);
    if let Err(error) = key {
        let field = match error {
            KeyError::Form => "",
            KeyError::Hash => "sha256",
            KeyError::Name => "name",
        };
        faults.push((field.to_owned(), error.to_string()));
    }
    if faults.is_empty() { key.map_err(|_| faults) } else { Err(faults) }
}

fn unknown_tier(name: &str, tiers: &BTreeSet<String>) -> String {
    let known: Vec<_> = tiers.iter().map(String::as_str).collect();
    // What is no name may be anything, a secret too.
    let shown = if limits::is_tier_name(name) { format!(" `{name}`") } else { " of that name".into() };
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("there is no tier{shown} for keys; known: {known}")
}

/// A key that was just made: printing it is the only time that it is seen.
pub struct NewKey {
    key: Key,
    secret: Secret<String>,
    /// Of a tier that is not configured yet: the archives and validations that it may have in an hour.
    new_tier: Option<(u32, u32)>,
}

impl NewKey {
    /// What the configuration lacks before it can take the key.
    pub fn warning(&self) -> Option<String> {
        let tier = &self.key.tier;
        self.new_tier.map(|_| {
            format!(
                "--tier: the configuration has no tier `{tier}` yet; the lines for the file begin with one \
                 (if it has, name the file by --config)"
            )
        })
    }
}

/// Makes a key out of 32 random octets. Its tier may still have to be configured.
///
/// # Errors
/// When the name is not lawful or taken, or no configuration could have such a tier for keys.
pub fn new_key(config: &Config, name: &str, tier: &str, random: [u8; 32]) -> Result<NewKey, KeyRefusal> {
    let secret = format!("zs_{}", hex::encode(random));
    let key = Key::of_secret(name, tier, &secret).map_err(KeyRefusal::Name)?;
    if config.keys.iter().any(|other| other.name == name) {
        return Err(KeyRefusal::Taken);
    }
    let Tiers { anonymous, named } = &config.tiers;
    let is_open = anonymous.archives_per_hour > 0 && anonymous.validations_per_hour > 0;
    let is_known = named.contains_key(tier) || (tier == limits::ANONYMOUS && is_open);
    if !is_known && tier == limits::ANONYMOUS {
        return Err(KeyRefusal::Tier(unknown_tier(tier, &named.keys().cloned().collect())));
    }
    tiers::judge_tier(tier).map_err(KeyRefusal::Tier)?;
    // What anonymous clients have none of a key's clients must have some of.
    let hourly = |of_anonymous, else_so_many| if of_anonymous == 0 { else_so_many } else { of_anonymous };
    let new_tier = (!is_known).then(|| {
        (hourly(anonymous.archives_per_hour, ARCHIVES), hourly(anonymous.validations_per_hour, VALIDATIONS))
    });
    Ok(NewKey { key, secret: Secret::new(secret), new_tier })
}

/// What a new tier may have in an hour where anonymous clients have nothing.
const ARCHIVES: u32 = 10;
const VALIDATIONS: u32 = 60;

/// Why no key was made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The name is not lawful.
    #[error("--name {0}")]
    Name(KeyError),
    /// Another key has the name.
    #[error("--name: the configuration has a key of that name")]
    Taken,
    /// There can be no such tier.
    #[error("--tier: {0}")]
    Tier(String),
}

impl fmt::Display for NewKey {
    /// Writes the key, and what to add to the configuration.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, secret) = (&self.key, self.secret.expose());
        writeln!(to, "{secret}\n")?;
        // Only the first line holds the key: the others end up in files.
        writeln!(to, "# The first line is the key, which is not shown again. Clients send it so:")?;
        writeln!(to, "#   Authorization: Bearer <key>")?;
        let tier = &key.tier;
        if let Some((archives, validations)) = self.new_tier {
            writeln!(to, "# Its tier; what is not said here is as in [tiers.anonymous]:\n[tiers.{tier}]")?;
            writeln!(to, "archives_per_hour = {archives}\nvalidations_per_hour = {validations}\n")?;
        }
        writeln!(to, "# The configuration file knows it by its hash:\n{}", Lines(key))?;
        writeln!(to, "# Or the environment does (several keys by comma):\n# ZIPSTREAM__KEYS={key}")?;
        // Shells know no other names, and two underscores begin another key.
        let has_variable =
            !tier.contains("__") && tier.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if let Some((archives, validations)) = self.new_tier.filter(|_| has_variable) {
            let variable = format!("# ZIPSTREAM__TIERS__{}", tier.to_uppercase());
            writeln!(to, "{variable}__ARCHIVES_PER_HOUR={archives}")?;
            writeln!(to, "{variable}__VALIDATIONS_PER_HOUR={validations}")?;
        }
        Ok(())
    }
}

/// A key as lines of TOML.
pub(super) struct Lines<'a>(pub(super) &'a Key);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { name, sha256, tier } = self.0;
        writeln!(to, "[[{KEYS}]]\nname = \"{name}\"\nsha256 = \"{}\"\ntier = \"{tier}\"", hex::encode(sha256))
    }
}

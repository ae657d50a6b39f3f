//! Durations in configurations: `60s`, `1h`, `250ms`, for `#[serde(with = "value::duration")]`.
//!
//! The unit is always written: a bare `60` is refused, for nobody can know whether seconds were meant. What is longer than
//! a year is refused too: clocks overflow at some length, and nobody waits for that long.

use std::time::Duration;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// The longest that is read.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads a duration with its unit.
///
/// # Errors
/// When the text is no duration, or one of more than a year.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |expected: &str| D::Error::invalid_value(Unexpected::Str(&text), &expected);
    let duration = humantime::parse_duration(text.trim())
        .map_err(|_| wrong("a duration with its unit, such as \"60s\" or \"250ms\""))?;
    if duration <= LONGEST { Ok(duration) } else { Err(wrong("at most a year, \"365days\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with one duration.
    #[derive(serde::Deserialize)]
    struct Clock {
        #[serde(with = "super")]
        idle: Duration,
    }

    #[test]
    fn reads_units() {
        for (text, millis) in [
            ("60s", 60_000),
            ("250ms", 250),
            ("1h", 3_600_000),
            ("1h 30m", 5_400_000),
            ("365days", 31_536_000_000),
        ] {
            let clock: Clock = serde_json::from_value(serde_json::json!({ "idle": text })).unwrap();
            assert_eq!(clock.idle, Duration::from_millis(millis));
        }
    }

    #[test]
    fn refuses_a_number_without_unit_and_ages() {
        for text in ["60", "", "soon", "-1s", "365days 1ns", "9999999999s", "18446744073709551615s"] {
            assert!(serde_json::from_value::<Clock>(serde_json::json!({ "idle": text })).is_err(), "{text}");
        }
    }
}

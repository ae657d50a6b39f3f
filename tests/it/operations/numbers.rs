//! A scrape, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

/// The series of one scrape, each with its labels.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// By name: labels in their order, and the value.
    series: BTreeMap<String, Vec<(String, f64)>>,
    types: BTreeMap<String, String>,
    helped: BTreeSet<String>,
}

impl Numbers {
    pub(super) fn read(text: &str) -> Numbers {
        let mut numbers = Numbers::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split(' ').collect();
            match words.as_slice() {
                ["#", "TYPE", name, of] => _ = numbers.types.insert((*name).into(), (*of).into()),
                ["#", "HELP", name, ..] => _ = numbers.helped.insert((*name).into()),
                _ => {
                    let (series, value) = line.rsplit_once(' ').expect(line);
                    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                    let entry = (labels.trim_end_matches('}').to_owned(), value.parse().expect(line));
                    numbers.series.entry(name.to_owned()).or_default().push(entry);
                }
            }
        }
        numbers
    }

    /// The sum of a series over all label sets that hold these.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let holds = |all: &str| {
            labels
                .iter()
                .all(|(key, value)| all.split(',').any(|label| label == format!("{key}=\"{value}\"")))
        };
        let series = self.series.get(name).into_iter().flatten();
        series.filter(|(all, _)| holds(all)).map(|(_, value)| value).sum()
    }

    /// The names of all series.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// The series without a type or a line of help.
    pub(super) fn undescribed(&self) -> Vec<&str> {
        let base = |name: &&str| {
            let parts = ["_bucket", "_sum", "_count"];
            let cut = parts.iter().find_map(|part| name.strip_suffix(part));
            let of =
                cut.filter(|cut| self.types.get(*cut).is_some_and(|of| of == "histogram")).unwrap_or(name);
            !(self.types.contains_key(of) && self.helped.contains(of))
        };
        self.names().filter(base).collect()
    }

    /// Every value of every label.
    pub(super) fn label_values(&self) -> BTreeSet<&str> {
        let sets = self.series.values().flatten().map(|(labels, _)| labels);
        sets.flat_map(|labels| labels.split(',')).filter_map(|label| label.split('"').nth(1)).collect()
    }
}

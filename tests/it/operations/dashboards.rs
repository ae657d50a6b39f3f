//! Alerts and dashboard: judged by Prometheus' own tool, and held against the numbers of a running service.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::{Process, judge, path, text, tool, yaml};

/// Every expression of the dashboard, with its variables filled in.
fn dashboard_expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text("config/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "panels share an id");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let fill =
        |text: &str| text.replace("$__rate_interval", "5m").replace("$job", "a").replace("$instance", "b");
    let expressions: Vec<_> = targets.map(|target| fill(target["expr"].as_str().unwrap())).collect();
    assert!(
        expressions.len() > 20 && !expressions.iter().any(|text| text.contains(['$'])),
        "{expressions:?}"
    );
    expressions
}

/// The names of our series in a text.
fn series(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
    words
        .filter(|word| word.starts_with("zipstream_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_series_that_is_looked_at_exists_from_the_start() {
    let key = format!("nightly:anonymous:{}", "0".repeat(64));
    let service = Process::start(&[("ZIPSTREAM__KEYS", &key)]);
    // The scrape itself is the first request that is counted.
    service.numbers().await;
    let numbers = service.numbers().await;
    let there: BTreeSet<_> = numbers.names().map(str::to_owned).collect();
    let alerts = yaml("config/alerts.yaml")[0].to_string();
    for (from, asked) in [("the dashboard", dashboard_expressions().join(" ")), ("the alerts", alerts)] {
        let asked = series(&asked);
        assert!(asked.len() >= 8, "{asked:?}");
        assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "{from}");
    }
}

#[test]
fn promtool_accepts_the_alerts_and_the_dashboards_queries() {
    judge(tool("promtool").args(["check", "rules"]).arg(path("config/alerts.yaml")));
    let rules: Vec<_> = dashboard_expressions()
        .into_iter()
        .enumerate()
        .map(|(index, expr)| json!({ "record": format!("panel:{index}"), "expr": expr }))
        .collect();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    // JSON is YAML.
    let groups = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(file.path(), groups.to_string()).unwrap();
    judge(tool("promtool").args(["check", "rules"]).arg(file.path()));
}

#[test]
fn the_alerts_speak_when_they_must_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in
        [("config/alerts.yaml", "alerts.yaml"), ("tests/it/operations/alerts.test.yaml", "test.yaml")]
    {
        std::fs::copy(path(from), folder.path().join(to)).unwrap();
    }
    judge(tool("promtool").args(["test", "rules", "test.yaml"]).current_dir(folder.path()));
}

//! Compose and Kubernetes: the files keep to their schemas, and say what the service understands.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;

use super::{Process, judge, judged, path, text, tool, yaml};
use crate::support::client::Request;

/// The files of the Kubernetes manifests, by name.
fn manifests() -> BTreeSet<String> {
    let entries = std::fs::read_dir(path("config/kubernetes")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "kustomization.yaml").collect()
}

#[test]
fn compose_keeps_to_its_schema_and_its_nodes_start() {
    let file = path("compose.yaml");
    judge(tool("check-jsonschema").args(["--builtin-schema", "vendor.compose-spec"]).arg(&file));
    let compose = yaml("compose.yaml").remove(0);
    let network = &compose["networks"]["nodes"]["ipam"]["config"][0];
    let part = |name: &str| network[name].as_str().unwrap().parse::<IpNet>().unwrap();
    let balancer = &compose["services"]["balancer"]["networks"]["nodes"]["ipv4_address"];
    let address: IpAddr = balancer.as_str().unwrap().parse().unwrap();
    assert!(part("subnet").contains(&address) && part("subnet").contains(&part("ip_range")));
    assert!(!part("ip_range").contains(&address), "another container may come to have it");
    for name in ["node-1", "node-2"] {
        let node = &compose["services"][name];
        let environment: Vec<_> = node["environment"].as_object().unwrap().iter().collect();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_str().unwrap())).collect();
        let printed = Command::new(env!("CARGO_BIN_EXE_zipstream"))
            .arg("check-config")
            .env_clear()
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        judged(&printed);
        let value = |key: &str| environment.iter().find(|(name, _)| name.ends_with(key)).unwrap().1;
        assert_eq!(value("TRUSTED_PROXIES"), balancer, "the balancer is believed, and nobody else");
        let drain = humantime_seconds(value("DRAIN_TIMEOUT"));
        assert!(
            humantime_seconds(node["stop_grace_period"].as_str().unwrap()) > drain,
            "the drain is cut short"
        );
    }
    let nginx = text("config/nginx.conf");
    assert!(nginx.contains("server node-1:8080") && nginx.contains("server node-2:8080"));
    let idle = nginx.split_once("keepalive_timeout ").unwrap().1.split_once(';').unwrap().0;
    let config = zipstream::config::load(&Default::default()).unwrap().config;
    assert!(
        humantime_seconds(idle) < config.server.header_timeout.as_secs(),
        "a node closes before the balancer"
    );
}

/// Seconds of `310s` or `5m`.
fn humantime_seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    number.parse::<u64>().unwrap() * if unit == "m" { 60 } else { 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_keep_to_their_schemas_and_fit_each_other() {
    let files = manifests();
    let mut validate = tool("kubernetes-validate");
    judge(
        validate
            .args(["--strict", "--quiet"])
            .args(files.iter().map(|name| path("config/kubernetes").join(name))),
    );
    let listed = yaml("config/kubernetes/kustomization.yaml").remove(0);
    let listed: BTreeSet<_> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, files);

    let configuration = yaml("config/kubernetes/configuration.yaml").remove(0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), configuration["data"]["zipstream.toml"].as_str().unwrap()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_zipstream"));
    let printed = check.arg("check-config").arg("--config").arg(file.path()).env_clear().output().unwrap();
    judged(&printed);
    let config = zipstream::config::load(&zipstream::config::Sources {
        file: Some(file.path().to_owned()),
        ..Default::default()
    });
    let config = config.unwrap().config;

    // Few enough to be the Ingress alone.
    let trusted = &config.server.trusted_proxies;
    assert!(
        !trusted.is_empty() && trusted.iter().all(|network| network.hosts().count() <= 16),
        "{trusted:?}"
    );

    let pod = &yaml("config/kubernetes/nodes.yaml")[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let pause: u64 =
        container["lifecycle"]["preStop"]["exec"]["command"][1].as_str().unwrap().parse().unwrap();
    let grace = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap());
    assert!(grace > config.server.drain_timeout + Duration::from_secs(pause), "the drain is cut short");
    let port = |name: &str| {
        let ports = container["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"].as_u64().unwrap()
    };
    assert_eq!(port("http"), u64::from(config.server.listen.port()));
    assert_eq!(port("metrics"), u64::from(config.metrics.listen.unwrap().port()));
    let mut service = Process::start(&[("ZIPSTREAM__METRICS__LISTEN", "127.0.0.1:0")]);
    let operators = service.metrics_address();
    for probe in ["livenessProbe", "readinessProbe"] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(asked["port"], "metrics", "strangers can take all connections of the other");
        let path = asked["path"].as_str().unwrap();
        assert_eq!(Request::get(operators, path).send().await.status, 200, "{path}");
    }
}

#[test]
fn the_unit_waits_for_the_drain_and_does_not_insist_on_a_wrong_configuration() {
    let unit = text("config/zipstream.service");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    let config = zipstream::config::load(&Default::default()).unwrap().config;
    assert!(value("TimeoutStopSec").parse::<u64>().unwrap() > config.server.drain_timeout.as_secs());
    assert_eq!(value("RestartPreventExitStatus"), "64");
}

//! The configuration as an operator meets it: the binary, its exit code, its messages.

mod keys;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use zipstream::config::{Sources, load};

/// The binary with an environment of the test's own.
fn zipstream(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zipstream"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command
}

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    zipstream(&[&["check-config"], arguments].concat(), environment).output().unwrap()
}

fn file(text: &str) -> tempfile::TempPath {
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&file, text).unwrap();
    file
}

fn lines(octets: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(octets).lines().map(str::to_owned).collect()
}

#[test]
fn the_defaults_are_lawful() {
    let config = load(&Sources::default()).unwrap().config;
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.tiers.anonymous.archive_size.0, 5_000_000_000);
    assert_eq!(config.archive.prefetch_size.0, 16 << 20);
}

#[test]
fn the_environment_overrides_the_file_and_the_argument_both() {
    let file = file(
        "[server]\nlisten = '127.0.0.1:1'\nmax_archives = 7\nbody_timeout = '5s'\n[egress]\nports = [81]\n",
    );
    let environment = [
        ("ZIPSTREAM__SERVER__LISTEN", "127.0.0.1:2"),
        ("ZIPSTREAM__SERVER__MAX_ARCHIVES", "8"),
        ("ZIPSTREAM__EGRESS__PORTS", "82, 83"),
        ("ZIPSTREAM__EGRESS__ALLOW", "10.0.0.0/8,fd00::/8"),
        ("ZIPSTREAM_SERVICE_HOST", "a name that Kubernetes sets is not ours"),
    ];
    let output = check(&["--config", file.to_str().unwrap(), "--listen", "[::1]:3"], &environment);
    assert!(output.status.success(), "{output:?}");
    let shown = lines(&output.stdout);
    for line in [
        r#"listen = "[::1]:3""#,
        "max_archives = 8",
        r#"body_timeout = "5s""#,
        "ports = [82, 83]",
        r#"allow = ["10.0.0.0/8", "fd00::/8"]"#,
        r#"header_timeout = "15s""#,
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line} in {shown:#?}");
    }
}

#[test]
fn what_check_config_prints_is_a_configuration_file() {
    let printed = check(&[], &[("ZIPSTREAM__LOG__FORMAT", "json")]).stdout;
    let again = file(&String::from_utf8(printed.clone()).unwrap());
    assert_eq!(check(&["--config", again.to_str().unwrap()], &[]).stdout, printed);
}

#[test]
fn every_mistake_is_reported_at_once_by_its_key() {
    let file = file(
        "[server]\nlisten = 'nowhere'\nmax_conections = 5\n[fetch]\nconnect_timeout = 'soon'\nattempts = 0\n\
         [odd]\n[tiers.gold]\nfils = 3\n",
    );
    let environment = [
        ("ZIPSTREAM__ARCHIVE__INLINE_SIZE", "many"),
        ("ZIPSTREAM__SERVER__LISTENER", "x"),
        ("ZIPSTREAM__LOG__LEVEL", "loud"),
        ("ZIPSTREAM__SERVER", "x"),
    ];
    let output = check(&["--config", file.to_str().unwrap()], &environment);
    assert_eq!(output.status.code(), Some(64));
    let shown = lines(&output.stderr);
    for key in [
        "archive.inline_size",
        "fetch.attempts",
        "fetch.connect_timeout",
        "log.level",
        "odd",
        "server",
        "server.listen",
        "server.listener",
        "server.max_conections",
        "tiers.gold.fils",
    ] {
        assert_eq!(
            shown.iter().filter(|line| line.starts_with(&format!("{key} ("))).count(),
            1,
            "{key}: {shown:#?}"
        );
    }
    assert_eq!(shown.len(), 10, "{shown:#?}");
    assert!(shown.iter().any(|line| line.contains("did you mean `server.max_connections`?")), "{shown:#?}");
}

#[test]
fn a_source_is_read_by_one_connection_at_least_in_segments_that_hold_something() {
    for (name, key) in [("SEGMENTS", "fetch.segments"), ("SEGMENT_SIZE", "fetch.segment_size")] {
        let output = check(&[], &[(&format!("ZIPSTREAM__FETCH__{name}"), "0")]);
        let said = format!("{key} (ZIPSTREAM__FETCH__{name}): must be at least 1");
        assert_eq!((output.status.code(), lines(&output.stderr)), (Some(64), vec![said]));
    }
}

#[test]
fn a_file_that_cannot_be_read_stops_the_start() {
    for path in ["/nowhere/zipstream.toml", file("[server\n").to_str().unwrap()] {
        let output = zipstream(&["--config", path], &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{path}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(path), "{output:?}");
    }
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = zipstream(&["--listen", &address], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address), "{output:?}");
}

#[test]
fn the_service_says_where_it_is_and_healthcheck_finds_it() {
    let mut service = zipstream(&["--listen", "127.0.0.1:0"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(service.stdout.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    let address = first.strip_prefix("ZipStream listens on http://").unwrap();
    let health = |address: &str| zipstream(&["healthcheck", "--listen", address], &[]).status().unwrap();
    assert_eq!(health(address).code(), Some(0));
    assert!(said.nth(1).unwrap().unwrap().contains("/api/downloads"));

    let terminated = Command::new("kill").arg(service.id().to_string()).status().unwrap();
    assert!(terminated.success());
    assert_eq!(service.wait().unwrap().code(), Some(0));
    assert_eq!(health(address).code(), Some(1));
}

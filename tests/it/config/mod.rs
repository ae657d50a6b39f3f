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
fn keys_that_do_not_go_together_are_judged_as_they_take_effect() {
    let ages = |environment: &[(&str, &str)]| {
        let output = check(&[], environment);
        (output.status.code(), lines(&output.stderr))
    };
    let (ttl, max_age) = ("ZIPSTREAM__LINKS__TTL", "ZIPSTREAM__LINKS__MAX_AGE");
    assert_eq!(ages(&[(ttl, "10s"), (max_age, "30s")]), (Some(0), vec![]));
    assert_eq!(ages(&[(ttl, "48h"), (max_age, "48h")]), (Some(0), vec![]));
    for (environment, said) in [
        (
            &[(ttl, "48h")][..],
            "links.ttl (ZIPSTREAM__LINKS__TTL): must be at most links.max_age, which is 1day",
        ),
        (
            &[(max_age, "30s")],
            "links.max_age (ZIPSTREAM__LINKS__MAX_AGE): must be at least links.ttl, which is 1m",
        ),
        (
            &[(ttl, "10m"), (max_age, "5m")],
            "links.max_age (ZIPSTREAM__LINKS__MAX_AGE): must be at least links.ttl, which is 10m",
        ),
        (
            &[("ZIPSTREAM__METRICS__LISTEN", "127.0.0.1:8080")],
            "metrics.listen (ZIPSTREAM__METRICS__LISTEN): must not be server.listen",
        ),
        (
            &[("ZIPSTREAM__ARCHIVE__INLINE_SIZE", "17MiB")],
            "archive.inline_size (ZIPSTREAM__ARCHIVE__INLINE_SIZE): must be at most archive.prefetch_size, which is 16MiB",
        ),
        (
            &[("ZIPSTREAM__ARCHIVE__PREFETCH_SIZE", "32KiB")],
            "archive.prefetch_size (ZIPSTREAM__ARCHIVE__PREFETCH_SIZE): must be at least archive.inline_size, which is 64KiB",
        ),
    ] {
        assert_eq!(ages(environment), (Some(64), vec![said.to_owned()]));
    }
}

/// What is configured and cannot be had is told by its key, by the check and by the start alike.
#[test]
fn what_the_start_refuses_the_check_refuses_too() {
    let empty = file("");
    let empty = empty.to_str().unwrap();
    for (name, value, key) in [
        ("STATE__URL", "http://x", "state.url: "),
        ("STATE__URL", "redis://", "state.url: "),
        ("FETCH__CA_FILE", "/nowhere/ca.pem", "fetch.ca_file: "),
        ("FETCH__CA_FILE", empty, "fetch.ca_file: "),
    ] {
        let variable = format!("ZIPSTREAM__{name}");
        let environment = [(variable.as_str(), value)];
        let checked = check(&[], &environment);
        assert_eq!((checked.status.code(), checked.stdout.as_slice()), (Some(64), &b""[..]), "{key}{value}");
        assert!(String::from_utf8_lossy(&checked.stderr).starts_with(key), "{checked:?}");
        let started = zipstream(&["--listen", "127.0.0.1:0"], &environment).output().unwrap();
        assert_eq!((started.status.code(), started.stderr), (Some(64), checked.stderr));
    }
}

#[test]
fn an_address_is_a_network_of_itself() {
    let environment = [
        ("ZIPSTREAM__SERVER__TRUSTED_PROXIES", "127.0.0.1, ::1, 10.0.0.0/8"),
        ("ZIPSTREAM__EGRESS__ALLOW", "192.168.0.7"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = load(&Sources { environment, ..Sources::default() }).unwrap().config;
    let shown = |networks: &[ipnet::IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&config.server.trusted_proxies), ["127.0.0.1/32", "::1/128", "10.0.0.0/8"]);
    assert_eq!(shown(&config.egress.allow), ["192.168.0.7/32"]);
    for wrong in ["127.0.0", "127.0.0.1/33", "localhost"] {
        let output = check(&[], &[("ZIPSTREAM__SERVER__TRUSTED_PROXIES", wrong)]);
        assert_eq!(output.status.code(), Some(64), "{wrong}");
        assert!(
            String::from_utf8_lossy(&output.stderr).starts_with("server.trusted_proxies ("),
            "{output:?}"
        );
    }
}

/// Clocks and semaphores overflow somewhere; that is no way to learn of a slip.
#[test]
fn what_nobody_can_mean_is_refused() {
    for (name, value, key) in [
        ("LINKS__TTL", "9999999999s", "links.ttl"),
        ("LINKS__RESUME_WINDOW", "18446744073709551615s", "links.resume_window"),
        ("SERVER__DRAIN_TIMEOUT", "366days", "server.drain_timeout"),
        ("FETCH__IDLE_TIMEOUT", "1000years", "fetch.idle_timeout"),
        ("SERVER__MAX_CONNECTIONS", "9000000000000000000", "server.max_connections"),
        ("SERVER__MAX_ARCHIVES", "9000000000000000000", "server.max_archives"),
        ("SERVER__MAX_VALIDATIONS", "9000000000000000000", "server.max_validations"),
        ("FETCH__PER_HOST", "9000000000000000000", "fetch.per_host"),
    ] {
        let output = check(&[], &[(&format!("ZIPSTREAM__{name}"), value)]);
        let said = lines(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{key}: {said:?}");
        assert!(said.len() == 1 && said[0].starts_with(&format!("{key} (")), "{said:?}");
        assert!(said[0].contains("at most"), "{said:?}");
    }
}

/// A clock that runs too fast costs more than it tells.
#[test]
fn clocks_that_would_only_make_work_are_refused() {
    for (name, value, said) in [
        (
            "LINKS__RESUME_WINDOW",
            "9999ms",
            "links.resume_window (ZIPSTREAM__LINKS__RESUME_WINDOW): must be at least 10s",
        ),
        (
            "FETCH__MIN_RATE_WINDOW",
            "999ms",
            "fetch.min_rate_window (ZIPSTREAM__FETCH__MIN_RATE_WINDOW): must be at least 1s",
        ),
    ] {
        let output = check(&[], &[(&format!("ZIPSTREAM__{name}"), value)]);
        assert_eq!((output.status.code(), lines(&output.stderr)), (Some(64), vec![said.to_owned()]));
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

/// An address means something to what serves, or asks who does.
#[test]
fn only_what_serves_takes_an_address() {
    let shows = |task: &[&str]| {
        let output = zipstream(&[task, &["--help"]].concat(), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{task:?}");
        String::from_utf8(output.stdout).unwrap().contains("--listen")
    };
    for (task, takes) in [
        (&[][..], true),
        (&["check-config"], true),
        (&["healthcheck"], true),
        (&["key", "new"], false),
        (&["pack"], false),
        (&["verify"], false),
    ] {
        assert_eq!(shows(task), takes, "{task:?}");
    }
    let output = zipstream(&["--listen", "127.0.0.1:3", "verify", "a.zip"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = zipstream(&["--listen", "127.0.0.1:3", "check-config"], &[]).output().unwrap();
    assert!(lines(&output.stdout).contains(&"listen = \"127.0.0.1:3\"".to_owned()), "{output:?}");
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

/// A key is shown once: whoever did not get to see it must not think that they have.
#[test]
fn an_answer_that_is_lost_is_no_success() {
    for task in [&["key", "new", "--name", "a", "--tier", "anonymous"][..], &["check-config"]] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = zipstream(task, &[]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("stdout: "), "{output:?}");
    }
}

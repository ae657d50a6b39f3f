//! The rules one by one: what lifts them, what does not, and what they say.

use std::net::SocketAddr;

use zipstream::egress::{Config, Own, Policy, Reason, Refusal};

use super::{parsed, refused};

fn policy(config: Config) -> Policy {
    Policy::new(&config, Own::default())
}

fn judged(policy: &Policy, address: &str) -> Option<Reason> {
    policy.judge_address(address.parse::<SocketAddr>().unwrap()).err().map(|refusal| refusal.reason)
}

#[test]
fn each_rule_speaks_for_itself() {
    let policy = policy(Config::default());
    for (text, reason) in [
        ("ftp://example.com/", Reason::Scheme),
        ("data:,x", Reason::Scheme),
        ("http://user@example.com/", Reason::Credentials),
        ("http://:word@example.com/", Reason::Credentials),
        ("http://a..example.com/", Reason::Host),
        ("http://./", Reason::Host),
        ("http://exa*mple.com/", Reason::Host),
        ("http://localhost/", Reason::Name),
        ("http://LOCALHOST./", Reason::Name),
        ("http://db.example/", Reason::Name),
        ("http://files.corp:443/", Reason::Name),
        ("http://example.com:22/", Reason::Port),
        ("http://1.1.1.1:22/", Reason::Port),
        ("http://10.0.0.1/", Reason::Address),
        ("http://[fd00:ec2::254]/", Reason::Address),
    ] {
        assert_eq!(refused(&policy, text), Some(reason), "{text}");
    }
    for text in [
        "http://src.example.net/",
        "https://example.com.:8443/",
        "http://my_bucket.s3.amazonaws.com/",
        "https://1.1.1.1/",
    ] {
        assert_eq!(refused(&policy, text), None, "{text}");
    }
}

#[test]
fn invalid_urls_are_told_from_forbidden_ones() {
    let all = [
        Reason::Address,
        Reason::Credentials,
        Reason::Host,
        Reason::Name,
        Reason::Own,
        Reason::Port,
        Reason::Scheme,
        Reason::Syntax,
    ];
    let invalid = all.iter().filter(|reason| Refusal::from(**reason).is_invalid()).copied();
    assert_eq!(
        invalid.collect::<Vec<_>>(),
        [Reason::Credentials, Reason::Host, Reason::Scheme, Reason::Syntax]
    );
    for reason in all {
        assert!(!Refusal::from(reason).to_string().chars().any(|c| c.is_ascii_digit()), "{reason}");
    }
}

#[test]
fn an_allowed_network_lifts_address_and_port() {
    let policy = policy(Config {
        allow: parsed(&["10.0.0.0/8", "fd00::/8", "169.254.169.254/32"]),
        ..Config::default()
    });
    for text in [
        "http://10.1.2.3:9000/",
        "http://[fd00::7]:9000/",
        "http://169.254.169.254/",
        "http://files.example.com:9000/",
    ] {
        assert_eq!(refused(&policy, text), None, "{text}");
    }
    assert_eq!(refused(&policy, "http://11.0.0.1:9000/"), Some(Reason::Port));
    assert_eq!(refused(&policy, "http://192.168.0.1/"), Some(Reason::Address));
    assert_eq!(refused(&policy, "http://minio/"), Some(Reason::Name), "a network lifts no name");
    assert_eq!(refused(&policy, "http://u:p@10.0.0.1/"), Some(Reason::Credentials));
    assert_eq!(refused(&policy, "gopher://10.0.0.1/"), Some(Reason::Scheme));
    assert_eq!(judged(&policy, "10.1.2.3:9000"), None);
    assert_eq!(
        judged(&policy, "8.8.8.8:9000"),
        Some(Reason::Port),
        "a name's port is judged with its addresses"
    );
}

#[test]
fn a_mapped_address_is_refused_whatever_is_allowed() {
    let policy =
        policy(Config { allow: parsed(&["0.0.0.0/0", "::/0", "::ffff:0:0/96"]), ..Config::default() });
    assert_eq!(refused(&policy, "http://10.0.0.1/"), None);
    assert_eq!(refused(&policy, "http://[::ffff:10.0.0.1]/"), Some(Reason::Address));
    assert_eq!(refused(&policy, "http://[::ffff:8.8.8.8]/"), Some(Reason::Address));
}

#[test]
fn an_allowed_name_lifts_the_name_rule_only() {
    let policy = policy(Config { allow_hosts: parsed(&["minio", "*.corp.internal"]), ..Config::default() });
    for text in ["http://minio/", "http://MINIO./", "http://a.b.corp.internal/"] {
        assert_eq!(refused(&policy, text), None, "{text}");
    }
    assert_eq!(refused(&policy, "http://corp.internal/"), Some(Reason::Name));
    assert_eq!(refused(&policy, "http://a.corp.internal:22/"), Some(Reason::Port));
    assert_eq!(judged(&policy, "10.0.0.1:80"), Some(Reason::Address));
}

#[test]
fn the_ports_are_the_configured_ones() {
    let policy = policy(Config { ports: vec![9000], ..Config::default() });
    assert_eq!(refused(&policy, "http://example.com:9000/"), None);
    assert_eq!(refused(&policy, "http://example.com/"), Some(Reason::Port));
    assert_eq!(judged(&policy, "1.1.1.1:80"), Some(Reason::Port));
}

#[test]
fn nothing_lifts_the_ban_on_the_service_itself() {
    let everything = || Config {
        allow: parsed(&["0.0.0.0/0", "::/0"]),
        allow_hosts: parsed(&["zip.example.com", "localhost"]),
        ..Config::default()
    };
    let own = |listen: &[&str], public: Option<(&str, u16)>| Own {
        listen: parsed(listen),
        public_host: public.map(|(host, port)| (host.to_owned(), port)),
    };

    let loopback = Policy::new(&everything(), own(&["127.0.0.1:8080"], None));
    for text in [
        "http://127.0.0.1:8080/",
        "http://0.0.0.0:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://2130706433:8080/",
    ] {
        assert_eq!(refused(&loopback, text), Some(Reason::Own), "{text}");
    }
    assert_eq!(judged(&loopback, "[::ffff:7f00:1]:8080"), Some(Reason::Own));
    assert_eq!(refused(&loopback, "http://127.0.0.1:8081/"), None);
    assert_eq!(refused(&loopback, "http://127.0.0.2:8080/"), None);

    for everywhere in ["0.0.0.0:8080", "[::]:8080"] {
        let policy = Policy::new(&everything(), own(&[everywhere], None));
        for text in ["http://127.9.9.9:8080/", "http://[::1]:8080/", "http://[::]:8080/", "http://0:8080/"] {
            assert_eq!(refused(&policy, text), Some(Reason::Own), "{everywhere}: {text}");
        }
        assert_eq!(refused(&policy, "http://127.0.0.1:8081/"), None);
        assert_eq!(refused(&policy, "http://10.0.0.1:8080/"), None);
    }

    let public = Policy::new(&everything(), own(&[], Some(("Zip.Example.com", 443))));
    for text in ["https://zip.example.com/", "https://ZIP.example.com./api", "http://zip.example.com:443/"] {
        assert_eq!(refused(&public, text), Some(Reason::Own), "{text}");
    }
    assert_eq!(refused(&public, "http://zip.example.com/"), None);
    assert_eq!(refused(&public, "https://a.zip.example.com/"), None);

    for host in ["2a00::1", "[2A00:0::1]"] {
        let literal = Policy::new(&everything(), own(&[], Some((host, 443))));
        assert_eq!(refused(&literal, "https://[2a00::1]/"), Some(Reason::Own));
        assert_eq!(judged(&literal, "[2a00::1]:443"), Some(Reason::Own), "by a name too");
        assert_eq!(judged(&literal, "[2a00::2]:443"), None);
    }
}

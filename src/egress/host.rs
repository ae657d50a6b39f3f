//! Host names: which can be asked for in the DNS at all, and which must not.
//!
//! Judged is the host as the WHATWG parser left it: lower case, ASCII, percent-decoded. Names that only a private network
//! can answer are refused by their text, before any resolver with search domains or a hosts file has a say.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Host;

/// The longest name, without its final dot, and the longest label, in octets (RFC 1035 §2.3.4).
const NAME_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// The top-level names that are no part of the public DNS: special-use (RFC 6761, 6762, 7686, 9476), set aside by ICANN
/// for private use (`internal`) or never to be delegated (`corp`, `home`, `mail`), infrastructure (`arpa`, RFC 3172, with
/// RFC 8375's `home.arpa` in it), those that hosts files give the loopback (`localdomain`, `localdomain4`, `localdomain6`),
/// those that routers, container managers (`docker`, `incus`, `lxd`) and clouds (`novalocal`, `openstacklocal`) claim for
/// themselves, and those that cluster software completes by search domains (`kubernetes.default`, `db.team.svc`).
const SPECIAL: [&str; 28] = [
    "alt",
    "arpa",
    "consul",
    "corp",
    "default",
    "docker",
    "example",
    "home",
    "incus",
    "internal",
    "intranet",
    "invalid",
    "kubernetes",
    "lan",
    "local",
    "localdomain",
    "localdomain4",
    "localdomain6",
    "localhost",
    "lxd",
    "mail",
    "novalocal",
    "onion",
    "openstacklocal",
    "private",
    "svc",
    "test",
    "workgroup",
];

/// Gives the name without its final dot, if it can be a DNS name. Underscores are no host name's (RFC 952) but live in
/// many buckets' names.
pub(super) fn dns_name(domain: &str) -> Option<&str> {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let is_lawful = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    let lawful = name.len() <= NAME_LIMIT
        && name
            .split('.')
            .all(|label| (1..=LABEL_LIMIT).contains(&label.len()) && label.bytes().all(is_lawful));
    lawful.then_some(name)
}

/// Tells whether a DNS name without final dot is reserved, or has one label only and so depends on search domains.
pub(super) fn is_special(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, top)) => SPECIAL.contains(&top),
        None => true,
    }
}

/// A name, or all names below one (`*.corp.internal`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    below: bool,
}

impl HostPattern {
    /// Tells whether a DNS name in ASCII, lower case, without final dot is meant. The name that stands after `*.` is not.
    pub(super) fn matches(&self, name: &str) -> bool {
        if self.below {
            name.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.ends_with('.'))
        } else {
            name == self.name
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        match Host::parse(rest) {
            Ok(Host::Domain(domain)) => {
                dns_name(&domain).map(|name| Self { name: name.to_owned(), below }).ok_or(InvalidPattern)
            }
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => Err(InvalidPattern),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no host pattern. Addresses are none: they are allowed as networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name, or `*.` and a host name")]
pub struct InvalidPattern;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_dns() {
        let longest = format!("{}.{}", vec!["a".repeat(63); 3].join("."), "b".repeat(61));
        assert_eq!(longest.len(), 253);
        for name in [
            longest.as_str(),
            "a-b.example.com",
            "my_bucket.s3.amazonaws.com",
            "xn--bcher-kva.example.net",
            "a",
        ] {
            assert_eq!(dns_name(name), Some(name));
            assert_eq!(dns_name(&format!("{name}.")), Some(name));
        }
        let long_label = format!("{}.com", "a".repeat(64));
        for name in ["", ".", "a..b", ".a", "a..", "a b", "a*b", "ü.de", &format!("{longest}b"), &long_label]
        {
            assert_eq!(dns_name(name), None, "{name}");
        }
    }

    #[test]
    fn special_names_are_told_by_whole_labels() {
        for name in [
            "localhost",
            "a.localhost",
            "intranet",
            "nas.home.arpa",
            "x.cluster.local",
            "a.example",
            "w.onion",
            "localhost6.localdomain6",
            "localhost4.localdomain4",
            "vm-1.openstacklocal",
            "vm-1.novalocal",
            "c1.lxd",
            "c1.incus",
            "kubernetes.default",
            "db.team.svc",
        ] {
            assert!(is_special(name), "{name}");
        }
        for name in [
            "example.com",
            "src.example.net",
            "localhost.example.com",
            "notlocalhost.com",
            "a.alocal",
            "x.testing",
        ] {
            assert!(!is_special(name), "{name}");
        }
    }

    #[test]
    fn patterns_match_whole_labels() {
        let below: HostPattern = "*.Corp.Internal.".parse().unwrap();
        assert_eq!(below.to_string(), "*.corp.internal");
        assert!(below.matches("a.corp.internal") && below.matches("a.b.corp.internal"));
        assert!(
            !below.matches("corp.internal")
                && !below.matches("acorp.internal")
                && !below.matches("corp.internal.com")
        );
        let one: HostPattern = "Bücher.lan".parse().unwrap();
        assert!(one.matches("xn--bcher-kva.lan") && !one.matches("a.xn--bcher-kva.lan"));
        for text in ["", "*", "*.", "a.*.b", "*a", "**.a", "10.0.0.1", "[::1]", "*.1", "a:80", "a/b", "a..b"]
        {
            assert_eq!(text.parse::<HostPattern>(), Err(InvalidPattern), "{text}");
        }
    }
}

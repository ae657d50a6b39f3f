//! The `[egress]` section of the configuration.
//!
//! The defaults let out what the public web needs; everything an operator adds is a hole, so each key lifts one rule only.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::HostPattern;

/// The ports of the web and the ones that its servers commonly use unprivileged; the other services of a host are none of
/// a client's business.
const WEB_PORTS: [u16; 5] = [80, 443, 8000, 8080, 8443];

/// Says which sources may be asked, and who resolves their names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The networks whose addresses are lawful on any port, though they are not public.
    pub allow: Vec<IpNet>,
    /// The host names that are lawful though they are reserved for private use; what they resolve to is judged all the same.
    pub allow_hosts: Vec<HostPattern>,
    /// The ports that sources outside of `allow` may have.
    pub ports: Vec<u16>,
    /// The name servers to ask instead of the system's resolver.
    pub nameservers: Vec<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_hosts: Vec::new(),
            ports: WEB_PORTS.to_vec(),
            nameservers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_what_is_missing() {
        let config: Config = serde_json::from_str(r#"{"allow": ["10.0.0.0/8", "fd00::/8"]}"#).unwrap();
        assert_eq!(config.allow.len(), 2);
        assert_eq!(config.ports, [80, 443, 8000, 8080, 8443]);
        assert!(config.allow_hosts.is_empty() && config.nameservers.is_empty());
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"{"allow_hosts": ["minio", "*.corp.internal"], "ports": [80], "nameservers": ["10.0.0.2:53", "[fd00::2]:5353"]}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(
            config.allow_hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["minio", "*.corp.internal"]
        );
        assert_eq!(config.ports, [80]);
        assert_eq!(config.nameservers.len(), 2);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors() {
        for text in [
            r#"{"allowed": []}"#,
            r#"{"allow": ["10.0.0.0/40"]}"#,
            r#"{"allow_hosts": ["*"]}"#,
            r#"{"ports": [70000]}"#,
        ] {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}

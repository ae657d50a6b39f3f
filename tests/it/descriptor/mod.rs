//! The descriptor parser from outside: the corpus, the promises of the interface, and whatever bytes may come.

mod corpus;
mod draft;
mod manifest;
mod names;
mod properties;
mod violations;

use serde_json::{Value, json};
use zipstream::descriptor::{Code, Descriptor, Limits, Violations};
use zipstream::egress;

/// The limits that the corpus assumes.
const LIMITS: Limits = Limits { files: 50 };

/// The policy of the corpus' test configuration: its source host is allowed, loopback addresses too.
fn policy() -> egress::Policy {
    let config: egress::Config = serde_json::from_value(json!({
        "allow": ["127.0.0.0/8"],
        "allow_hosts": ["src.example.net"],
        "ports": [80, 443, 8000, 8080, 8443],
        "nameservers": [],
    }))
    .unwrap();
    egress::Policy::new(&config, egress::Own { listen: Vec::new(), public_host: None })
}

/// Parses a body with the corpus' policy and limits.
fn parse(body: &[u8]) -> Result<Descriptor, Violations> {
    Descriptor::parse(body, LIMITS, &policy())
}

/// Parses a document with the corpus' policy and limits.
fn parse_json(body: &Value) -> Result<Descriptor, Violations> {
    parse(body.to_string().as_bytes())
}

/// Returns the pointer and code of every violation of a document.
fn violations(body: &Value) -> Vec<(String, Code)> {
    match parse_json(body) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|it| (it.pointer, it.code)).collect(),
    }
}

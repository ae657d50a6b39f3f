//! The default policy never accepts an address outside of global unicast: held against a table that was written apart from
//! the policy's, as first and last addresses, with every border and its neighbours tried and the space between sampled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use zipstream::egress::{Config, Own, Policy};

/// The IPv4 addresses that are not global unicast, or special.
const REFUSED_V4: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
];

/// The IPv6 addresses that are not global unicast, or special, ISATAP apart.
const REFUSED_V6: &[(&str, &str)] = &[
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Every documented metadata address of a cloud.
const METADATA: &[&str] = &[
    "100.100.100.200",
    "168.63.129.16",
    "169.254.0.23",
    "169.254.42.42",
    "169.254.169.254",
    "169.254.170.2",
    "192.0.0.192",
    "fd00:42::42",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd20:ce::254",
];

fn is_accepted(address: IpAddr) -> bool {
    Policy::new(&Config::default(), Own::default()).judge_address(SocketAddr::new(address, 443)).is_ok()
}

fn is_refused_v4(address: u32) -> bool {
    let borders = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
    REFUSED_V4.iter().any(|(first, last)| (borders(first)..=borders(last)).contains(&address))
}

fn is_refused_v6(address: u128) -> bool {
    let borders = |text: &str| u128::from(text.parse::<Ipv6Addr>().unwrap());
    let identifier = (address >> 32) as u32;
    REFUSED_V6.iter().any(|(first, last)| (borders(first)..=borders(last)).contains(&address))
        || [0x0000_5efe, 0x0100_5efe, 0x0200_5efe, 0x0300_5efe].contains(&identifier)
}

fn check_v4(address: u32) {
    assert_eq!(
        is_accepted(Ipv4Addr::from(address).into()),
        !is_refused_v4(address),
        "{}",
        Ipv4Addr::from(address)
    );
}

fn check_v6(address: u128) {
    assert_eq!(
        is_accepted(Ipv6Addr::from(address).into()),
        !is_refused_v6(address),
        "{}",
        Ipv6Addr::from(address)
    );
}

#[test]
fn every_border_and_its_neighbours() {
    for (first, last) in REFUSED_V4 {
        for border in [first, last].map(|text| u32::from(text.parse::<Ipv4Addr>().unwrap())) {
            [border.wrapping_sub(1), border, border.wrapping_add(1)].into_iter().for_each(check_v4);
        }
    }
    for (first, last) in REFUSED_V6 {
        for border in [first, last].map(|text| u128::from(text.parse::<Ipv6Addr>().unwrap())) {
            [border.wrapping_sub(1), border, border.wrapping_add(1)].into_iter().for_each(check_v6);
        }
    }
}

#[test]
fn metadata_addresses_are_refused() {
    for text in METADATA {
        assert!(!is_accepted(text.parse().unwrap()), "{text}");
    }
}

/// An IPv4 address in each of the forms that IPv6 has for it is refused, were it as public as can be.
#[test]
fn no_ipv4_address_passes_as_ipv6() {
    for inner in [0x7f00_0001_u128, 0xa9fe_a9fe, 0x0808_0808] {
        let forms = [
            inner,                                     // compatible
            0xffff << 32 | inner,                      // mapped
            0xffff << 48 | inner,                      // translated, RFC 2765
            0x0064_ff9b << 96 | inner,                 // NAT64
            0x0064_ff9b_0001 << 80 | inner,            // NAT64, local use
            0x2002 << 112 | inner << 80 | 1,           // 6to4
            0x2001 << 112 | !inner & 0xffff_ffff,      // Teredo
            0x2a00 << 112 | 0x5efe << 32 | inner,      // ISATAP
            0x2a00 << 112 | 0x0200_5efe << 32 | inner, // ISATAP, universal
        ];
        for form in forms {
            assert!(!is_accepted(Ipv6Addr::from(form).into()), "{}", Ipv6Addr::from(form));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    #[test]
    fn any_ipv4_address(address: u32) {
        check_v4(address);
    }

    #[test]
    fn any_ipv6_address(address: u128) {
        check_v6(address);
    }

    /// The prefix that IANA assigns from, where the exceptions lie, with small numbers in every place.
    #[test]
    fn any_ipv6_address_near_the_exceptions(
        high in prop::sample::select(vec![0x2000_u128, 0x2001, 0x2002, 0x2003, 0x2620, 0x3ffe, 0x3fff, 0x4000]),
        second in prop_oneof![0_u128..0x400, Just(0x4f), Just(0xdb8), 0xf00_u128..0x1100, 0_u128..0x1_0000],
        third in prop_oneof![Just(0_u128), Just(0x8000), 0_u128..0x1_0000],
        low: u64,
        isatap in prop::option::of(0_u64..0x500),
    ) {
        let low = isatap.map_or(low, |bits| low & 0xffff_ffff | bits << 48 | 0x5efe << 32);
        check_v6(high << 112 | second << 96 | third << 80 | u128::from(low));
    }
}

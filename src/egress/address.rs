//! Which addresses belong to the public internet.
//!
//! IPv4 is everything but the special-purpose registry (IANA, RFC 6890) and multicast. IPv6 is the other way round: only
//! 2000::/3 was ever handed out as global unicast, so everything else is refused unseen, and the exceptions are few. Blocks
//! that the registry calls globally reachable (anycast relays, AS112) are refused too: the nearest such relay may well
//! stand inside the operator's own network, and none of them is a source.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Tells whether an address is global unicast and serves no cloud's metadata.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST_V6.contains(&address)
                && !SPECIAL_V6.iter().any(|network| network.contains(&address))
                && !is_isatap(address)
        }
    }
}

/// Tells whether an address is an IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2): the kernel dials it as IPv4, so that
/// no rule for IPv6 may speak on it.
pub(super) fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// Tells whether an interface identifier holds an IPv4 address for ISATAP to tunnel to (RFC 5214 §6.1), whatever its
/// universal and group bits say.
fn is_isatap(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[4] & 0xfcff == 0 && segments[5] == 0x5efe
}

const SPECIAL_V4: [Ipv4Net; 20] = [
    v4([0, 0, 0, 0], 8),          // this network, RFC 791; Linux takes 0.0.0.0 for the loopback
    v4([10, 0, 0, 0], 8),         // private, RFC 1918
    v4([100, 64, 0, 0], 10),      // carrier-grade NAT, RFC 6598; Alibaba's metadata
    v4([127, 0, 0, 0], 8),        // loopback, RFC 1122
    v4([168, 63, 129, 16], 32),   // Azure's platform address, reachable from its virtual machines only
    v4([169, 254, 0, 0], 16),     // link-local, RFC 3927; most clouds' metadata
    v4([172, 16, 0, 0], 12),      // private, RFC 1918
    v4([192, 0, 0, 0], 24),       // protocol assignments, RFC 6890; Oracle's metadata
    v4([192, 0, 2, 0], 24),       // documentation, RFC 5737
    v4([192, 31, 196, 0], 24),    // AS112, RFC 7535
    v4([192, 52, 193, 0], 24),    // multicast relays, RFC 7450
    v4([192, 88, 99, 0], 24),     // 6to4 relays, RFC 7526
    v4([192, 168, 0, 0], 16),     // private, RFC 1918
    v4([192, 175, 48, 0], 24),    // AS112, RFC 7534
    v4([198, 18, 0, 0], 15),      // benchmarks, RFC 2544
    v4([198, 51, 100, 0], 24),    // documentation, RFC 5737
    v4([203, 0, 113, 0], 24),     // documentation, RFC 5737
    v4([224, 0, 0, 0], 4),        // multicast, RFC 5771
    v4([240, 0, 0, 0], 4),        // reserved, RFC 1112
    v4([255, 255, 255, 255], 32), // limited broadcast, RFC 919
];

/// What IANA hands out to hosts (RFC 4291 §2.4); the metadata addresses in fd00::/8, mapped, translated (64:ff9b::/96,
/// 64:ff9b:1::/48), link-local, site-local, unique local, discard, segment-routing and multicast addresses lie outside.
const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

const SPECIAL_V6: [Ipv6Net; 5] = [
    v6([0x2001, 0, 0, 0], 23), // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, anycast relays
    v6([0x2001, 0x0db8, 0, 0], 32), // documentation, RFC 3849
    v6([0x2002, 0, 0, 0], 16), // 6to4, RFC 3056: holds an IPv4 address to tunnel to
    v6([0x2620, 0x004f, 0x8000, 0], 48), // AS112, RFC 7534
    v6([0x3fff, 0, 0, 0], 20), // documentation, RFC 9637
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(high: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(high[0], high[1], high[2], high[3], 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isatap_is_told_by_its_interface_identifier() {
        for text in [
            "2a00::5efe:a00:1",
            "2a00::200:5efe:a00:1",
            "2a00:1:2:3:100:5efe:7f00:1",
            "2a00::300:5efe:1.2.3.4",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["2a00::1:5efe:a00:1", "2a00:5efe::1", "2a00::5efd:a00:1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_the_mapped_form_is_mapped() {
        assert!(is_mapped("::ffff:8.8.8.8".parse().unwrap()));
        for text in ["::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8", "8.8.8.8"] {
            assert!(!is_mapped(text.parse().unwrap()), "{text}");
        }
    }
}

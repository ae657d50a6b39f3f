//! Tells whether an address is one of this machine's own.
//!
//! Asked only when the service listens on every interface and a source has its port. The kernel is asked by binding a
//! socket, because that holds at the moment of the dial, needs no list of interfaces, and sends nothing. An address that is
//! translated on its way to this machine cannot be told so; the `Via` header ends that loop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Addresses that no machine has: the last of the reserved block (RFC 1112 §4) and one of the discard-only block
/// (RFC 6666). Where one can be bound, the kernel binds everything (`ip_nonlocal_bind`, as machines with floating addresses
/// have it), and its answer means nothing. Documentation addresses would not do: sandboxes number their interfaces so.
const NOBODY_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(255, 255, 255, 254));
const NOBODY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0xffff, 0xffff, 0xffff, 0xffff));

/// Tells whether one of this machine's interfaces has the address.
pub(super) fn has(address: IpAddr) -> bool {
    let nobody = if address.is_ipv4() { NOBODY_V4 } else { NOBODY_V6 };
    can_bind(address) && !can_bind(nobody)
}

fn can_bind(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        assert!(has("127.0.0.1".parse().unwrap()));
        assert!(!has("93.184.215.14".parse().unwrap()));
        assert!(!has("2606:4700:4700::1111".parse().unwrap()));
    }
}

//! Which addresses mail may be delivered to. Mailbox domains are chosen by users, so without this their DNS would
//! make us talk to the inside of the operator's network (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is on the public Internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0);
    let benchmark = a == 198 && (18..20).contains(&b);
    let relay_anycast = (a, b, c) == (192, 88, 99);
    !(a == 0
        || a >= 224
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || protocol
        || benchmark
        || relay_anycast)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, third, ..] = ip.segments();
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    // Only 2000::/3 is handed out; the rest is loopback, unique local, link-local, multicast, or not yet anything.
    let global = first & 0xe000 == 0x2000;
    let documentation = (first, second) == (0x2001, 0x0db8) || (first == 0x3fff && second < 0x1000);
    let special = first == 0x2001 && second < 0x0200;
    // 6to4 carries an IPv4 address that may be anything.
    let six_to_four = first == 0x2002;
    // NAT64 (64:ff9b::/96) lies outside 2000::/3 and is refused with it.
    global && !documentation && !special && !six_to_four && (first, second, third) != (0x2620, 0x004f, 0x8000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_reachable() {
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "::7f00:1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "192.1.0.1", "2606:4700::1", "2a00:1450::1", "::ffff:8.8.8.8"]
        {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}

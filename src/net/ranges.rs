//! Which addresses are not the public internet. From IANA's special-purpose address registries
//! for IPv4 and IPv6, and the metadata addresses of cloud providers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as the guard cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Reachable by anybody.
    Public,
    /// Somebody's inner network; may be allowed as a whole.
    Private(&'static str),
    /// Allowed only by a rule that names exactly it.
    Special(&'static str),
}

/// Classifies an address; the forms that carry an IPv4 address inside IPv6 are as that address.
pub(super) fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// The IPv4 address that a mapped IPv6 address stands for, so that rules match either form.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // Azure's is a public address; Alibaba's and Oracle's lie in ranges that `private` allows.
        (169, 254, 169, 254) | (168, 63, 129, 16) | (100, 100, 100, 200) | (192, 0, 0, 192) => {
            Class::Special("metadata")
        }
        (0, ..) => Class::Special("unspecified"),
        (127, ..) => Class::Private("loopback"),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Class::Private("private"),
        (100, 64..=127, ..) => Class::Private("carrier-grade NAT"),
        (169, 254, ..) => Class::Special("link-local"),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Class::Special("documentation"),
        (192, 0, 0, _) | (192, 88, 99, _) | (198, 18..=19, ..) | (240..=255, ..) => {
            Class::Special("reserved")
        }
        (224..=239, ..) => Class::Special("multicast"),
        _ => Class::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> Class {
    let s = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        classify_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Special("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Private("loopback"),
        // Mapped, and NAT64's well-known prefix.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4: the relay would send it on to the embedded address.
        [0x2002, high, low, ..] => embedded(high, low),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Class::Special("metadata")
        }
        [first, ..] if first & 0xfe00 == 0xfc00 => Class::Private("private"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Class::Special("link-local"),
        [first, ..] if first & 0xff00 == 0xff00 => Class::Special("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Special("documentation"),
        // Teredo, benchmarking, ORCHID and other protocol assignments.
        [0x2001, 0..=0x1ff, ..] => Class::Special("reserved"),
        // Only 2000::/3 is given out as global unicast.
        [first, ..] if first & 0xe000 == 0x2000 => Class::Public,
        _ => Class::Special("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        classify(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_public() {
        for text in ["1.1.1.1", "157.240.1.53", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1"] {
            assert_eq!(class(text), Class::Public, "{text}");
        }
        for text in
            ["2606:4700::1111", "2a03:2880::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
        {
            assert_eq!(class(text), Class::Public, "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "100.64.0.1",
            "169.254.169.254",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert_ne!(class(text), Class::Public, "{text}");
        }
    }
}

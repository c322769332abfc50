//! Which addresses a probe may go to. Judged is the final socket address of every hop, after
//! every look-up, so that no name, redirect or changed DNS answer leads where the operator did
//! not allow it.
//!
//! Public addresses are open. Private ones are open where `private_networks` names them and a
//! configured name or literal leads there. A redirect never leads further inside than the hop
//! before it. Link-local (with the cloud's metadata), multicast, unspecified, reserved and
//! documentation addresses are never open. An IPv6 address that embeds an IPv4 one is judged as
//! that one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// How far inside an address lies. Greater is further inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// Anybody may reach it.
    Public,
    /// Reachable in a private network only.
    Private,
    /// This very machine.
    Loopback,
}

/// Why an address is not probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Never open, whatever is configured.
    Never(&'static str),
    /// Not public, and in none of `private_networks`.
    NotAllowed,
    /// A redirect from a more public place.
    FurtherInside,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(what) => write!(f, "is {what}, which is never probed"),
            Self::NotAllowed => f.write_str("is not public and not in [probing] private_networks"),
            Self::FurtherInside => f.write_str("lies further inside than the hop that redirects to it"),
        }
    }
}

/// The operator's rule.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    private_networks: Vec<IpNet>,
}

impl Policy {
    /// Public addresses and these networks.
    pub fn new(private_networks: Vec<IpNet>) -> Self {
        Self { private_networks }
    }

    /// Whether a probe may connect to `address`. `before` is the zone of the hop that redirected
    /// here, `None` for a configured name or literal.
    pub fn judge(&self, address: IpAddr, before: Option<Zone>) -> Result<Zone, Refusal> {
        let inner = unwrapped(address);
        let zone = zone(inner).map_err(Refusal::Never)?;
        if zone == Zone::Public {
            return Ok(zone);
        }
        if !self.private_networks.iter().any(|network| network.contains(&inner) || network.contains(&address)) {
            return Err(Refusal::NotAllowed);
        }
        if before.is_some_and(|before| zone > before) {
            return Err(Refusal::FurtherInside);
        }
        Ok(zone)
    }
}

/// The IPv4 address that an IPv6 address stands for, if it does: v4-mapped, v4-translated,
/// NAT64 with the well-known prefix, 6to4.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let embedded = match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => Some((g, h)),
        (0x2002, high, low, _, _, _) => Some((high, low)),
        _ => None,
    };
    match embedded {
        Some((high, low)) => IpAddr::V4(joined(high, low)),
        None => address,
    }
}

/// An IPv4 address from its halves.
fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Where an address lies, or the words for why it is never open.
fn zone(address: IpAddr) -> Result<Zone, &'static str> {
    match address {
        IpAddr::V4(v4) => zone_v4(v4),
        IpAddr::V6(v6) => zone_v6(v6),
    }
}

/// The special-purpose registry of IPv4 (RFC 6890 and its successors).
fn zone_v4(address: Ipv4Addr) -> Result<Zone, &'static str> {
    match address.octets() {
        [0, ..] => Err("unspecified"),
        [169, 254, ..] => Err("link-local"),
        // Of large clouds: the first in the middle of public space.
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => Err("a metadata service"),
        [224..=239, ..] => Err("multicast"),
        [255, 255, 255, 255] => Err("broadcast"),
        [240..=255, ..] => Err("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Err("for documentation"),
        [127, ..] => Ok(Zone::Loopback),
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _] => Ok(Zone::Private),
        _ => Ok(Zone::Public),
    }
}

/// The special-purpose registry of IPv6. Only `2000::/3` is assigned to the public.
fn zone_v6(address: Ipv6Addr) -> Result<Zone, &'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Ok(Zone::Loopback),
        [0, 0, 0, 0, 0, 0, 0, 0] => Err("unspecified"),
        [0, 0, 0, 0, 0, 0, ..] => Err("reserved"),
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254]
        | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42] => Err("a metadata service"),
        [0xfe80..=0xfebf, ..] => Err("link-local"),
        [0xff00..=0xffff, ..] => Err("multicast"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Err("for documentation"),
        // A translator of one's own (RFC 8215). Where in it the IPv4 address stands is the operator's
        // choice, so whoever allowed it is kept from what is never open by either reading (RFC 6052,
        // prefixes of 96 and 48 bits).
        [0x64, 0xff9b, 1, high, low, rest, g, h] => {
            let readings = [joined(g, h), joined(high, low << 8 | rest >> 8)];
            readings
                .into_iter()
                .filter(|address| !address.is_unspecified())
                .try_for_each(|v4| zone_v4(v4).map(drop))?;
            Ok(Zone::Private)
        }
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x2001, 0..=0x01ff, ..] => Ok(Zone::Private),
        [0x2000..=0x3fff, ..] => Ok(Zone::Public),
        _ => Err("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Option<Zone> = Some(Zone::Public);
    const PRIVATE: Option<Zone> = Some(Zone::Private);
    const LOOPBACK: Option<Zone> = Some(Zone::Loopback);

    fn check(networks: &[&str], address: &str, before: Option<Zone>, expected: Result<Zone, Refusal>) {
        let policy = Policy::new(networks.iter().map(|network| network.parse().unwrap()).collect());
        assert_eq!(policy.judge(address.parse().unwrap(), before), expected, "{address} {before:?} {networks:?}");
    }

    #[test]
    fn public_addresses_are_open_from_everywhere() {
        for address in ["9.9.9.9", "193.0.0.1", "172.32.0.1", "100.128.0.1", "2a00:1450::1", "::ffff:9.9.9.9"] {
            for before in [None, PUBLIC, PRIVATE, LOOPBACK] {
                check(&[], address, before, Ok(Zone::Public));
            }
        }
    }

    #[test]
    fn what_is_never_open_stays_closed_even_if_configured() {
        for address in [
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "240.0.0.1",
            "224.0.0.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "168.63.129.16",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "::",
            "::2",
            "4000::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2002::1",
            "2002:e000:1::1",
            "::ffff:0:169.254.169.254",
            "::ffff:0.0.0.0",
            "::ffff:224.0.0.1",
            "64:ff9b::",
            "64:ff9b::e000:1",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9fe:a9:fe00::7",
            "64:ff9b:1::e000:1",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "192.0.0.192",
            "fd20:ce::254",
            "fd00:42::42",
            "ff05::1:3",
            "ff0e::1",
            "febf::1",
        ] {
            let policy = Policy::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
            let judged = policy.judge(address.parse().unwrap(), None);
            assert!(matches!(judged, Err(Refusal::Never(_))), "{address}: {judged:?}");
        }
    }

    #[test]
    fn private_addresses_need_a_configured_network_and_embedded_ones_too() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "::1",
            "fc00::1",
            "198.18.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::1",
            "2001::1",
            "64:ff9b:1::9.9.9.9",
            "64:ff9b:1::10.0.0.1",
            "64:ff9b:1:a00:0:100::",
        ] {
            check(&[], address, None, Err(Refusal::NotAllowed));
        }
        check(&["10.0.0.0/8"], "10.0.0.1", None, Ok(Zone::Private));
        check(&["10.0.0.0/8"], "64:ff9b::10.0.0.1", None, Ok(Zone::Private));
        check(&["10.0.0.0/8"], "64:ff9b:1::10.0.0.1", None, Err(Refusal::NotAllowed));
        check(&["64:ff9b:1::/48"], "64:ff9b:1::10.0.0.1", None, Ok(Zone::Private));
        check(&["64:ff9b:1::/48"], "64:ff9b:1:a00:0:100::", None, Ok(Zone::Private));
        check(&["10.0.0.0/8"], "127.0.0.1", None, Err(Refusal::NotAllowed));
        check(&["127.0.0.0/8"], "127.0.0.1", None, Ok(Zone::Loopback));
    }

    #[test]
    fn a_redirect_never_leads_further_inside() {
        let open = &["10.0.0.0/8", "127.0.0.0/8"];
        check(open, "10.0.0.1", PUBLIC, Err(Refusal::FurtherInside));
        check(open, "10.0.0.1", PRIVATE, Ok(Zone::Private));
        check(open, "10.0.0.1", LOOPBACK, Ok(Zone::Private));
        check(open, "127.0.0.1", PUBLIC, Err(Refusal::FurtherInside));
        check(open, "127.0.0.1", PRIVATE, Err(Refusal::FurtherInside));
        check(open, "127.0.0.1", LOOPBACK, Ok(Zone::Loopback));
    }
}

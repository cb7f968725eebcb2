//! Private addresses that outbound requests of tenants may reach all the same.

use std::net::IpAddr;

use super::reader::Reader;

/// Private addresses that outbound requests of tenants may reach. Public ones are always allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// The rules, any of which lets an address through.
    pub allow: Vec<Rule>,
}

/// One exception from the ban on private addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Anything, link-local and loopback included.
    Any,
    /// The private networks, but neither loopback nor link-local.
    Private,
    /// A network.
    Network(Network),
    /// A host by name, in lower case, whatever it resolves to.
    Host(String),
}

/// A network in the notation `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Parses an address with an optional prefix length; without one, it is that address alone. `None`
    /// for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(widest);
        (prefix <= widest).then_some(Self { address, prefix })
    }

    /// Whether an address is in the network. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Egress {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let egress = Self { allow: reader.list_of("WAGGLE_EGRESS_ALLOW", rule) };
        if egress.allow.contains(&Rule::Any) {
            reader.risky(
                "WAGGLE_EGRESS_ALLOW",
                "with *, anyone who may set a webhook reaches every address that this node reaches",
            );
        }
        egress
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    if text == "*" {
        return Ok(Rule::Any);
    }
    if text.eq_ignore_ascii_case("private") {
        return Ok(Rule::Private);
    }
    if let Some(network) = Network::parse(text) {
        return Ok(Rule::Network(network));
    }
    let host = text.trim_end_matches('.').to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !host.is_empty() && !numeric && host.chars().all(allowed) {
        Ok(Rule::Host(host))
    } else {
        Err("a list of networks such as 10.0.0.0/8, host names, private or *".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn networks_contain_their_addresses() {
        assert!(contains("10.0.0.0/8", "10.200.3.4"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        assert!(contains("192.168.1.7", "192.168.1.7"));
        assert!(!contains("192.168.1.7", "192.168.1.8"));
        assert!(contains("fd00::/8", "fd12::1"));
        assert!(contains("::/0", "fd12::1"));
        assert!(!contains("fd00::/8", "10.0.0.1"));
    }

    #[test]
    fn rules_of_every_kind() {
        assert_eq!(rule("*"), Ok(Rule::Any));
        assert_eq!(rule("Private"), Ok(Rule::Private));
        assert_eq!(rule("N8N.internal"), Ok(Rule::Host("n8n.internal".to_owned())));
        assert!(matches!(rule("10.0.0.0/8"), Ok(Rule::Network(_))));
        for wrong in ["10.0.0.0/33", "300.1.1.1", "http://host", "a b", "10.0.0/8"] {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }
}

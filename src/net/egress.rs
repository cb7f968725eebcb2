//! The guard on where requests of tenants may go. URLs of webhooks, media and proxies are tenant
//! input: without it they reach the node's own network (server-side request forgery).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::ranges::{Class, canonical, classify};

/// Which addresses may be connected to. Public ones always; others by rule.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    rules: Arc<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    everything: bool,
    private: bool,
    hosts: Vec<String>,
    networks: Vec<IpNet>,
}

/// A connection that the guard does not allow.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{host} is a {class} address and is not allowed")]
pub struct Refused {
    /// The host as the URL names it.
    pub host: String,
    /// The address, when the host is one or resolves to one.
    pub address: Option<IpAddr>,
    /// What kind of address it is, for example `loopback`.
    pub class: &'static str,
}

/// A rule that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no egress rule: use *, private, a host name, an address or a network (10.0.0.0/8)")]
pub struct InvalidRule(pub String);

impl Egress {
    /// Public addresses only.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// No guard at all, for addresses that the operator chose.
    #[must_use]
    pub fn open() -> Self {
        Self { rules: Arc::new(Rules { everything: true, ..Rules::default() }) }
    }

    /// Public addresses and what the rules name: `*` everything; `private` loopback and inner
    /// networks (never metadata or link-local); an address or a network in CIDR form; a host name,
    /// whatever it resolves to.
    ///
    /// # Errors
    /// [`InvalidRule`] for the first text that is none of these.
    pub fn allowing<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidRule> {
        let mut rules = Rules::default();
        for text in list {
            let text = text.trim();
            if text == "*" {
                rules.everything = true;
            } else if text.eq_ignore_ascii_case("private") {
                rules.private = true;
            } else if let Ok(network) = text.parse::<IpNet>() {
                rules.networks.push(network);
            } else if let Ok(address) = text.parse::<IpAddr>() {
                rules.networks.push(IpNet::from(canonical(address)));
            } else if is_host(text) {
                rules.hosts.push(normal(text));
            } else {
                return Err(InvalidRule(text.to_owned()));
            }
        }
        Ok(Self { rules: Arc::new(rules) })
    }

    /// Whether nothing is refused, so that looking up names for a check is needless.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rules.everything
    }

    /// Checks a host that may be an address itself; names pass, their addresses are for
    /// [`Egress::check`].
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check_host(&self, host: &str) -> Result<(), Refused> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => self.check(bare, address),
            Err(_) => Ok(()),
        }
    }

    /// Checks an address to which `host` resolved.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let rules = &*self.rules;
        let class = match classify(address) {
            Class::Public => return Ok(()),
            _ if rules.everything => return Ok(()),
            Class::Private(_) if rules.private => return Ok(()),
            Class::Private(class) | Class::Special(class) => class,
        };
        let address = canonical(address);
        let named = rules.networks.iter().any(|network| network.contains(&address))
            || rules.hosts.contains(&normal(host));
        if named { Ok(()) } else { Err(Refused { host: host.to_owned(), address: Some(address), class }) }
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "open" } else { "guarded" })
    }
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(egress: &Egress, host: &str, address: &str) -> bool {
        egress.check(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn public_only_by_default() {
        let egress = Egress::public();
        assert!(check(&egress, "example.com", "93.184.216.34"));
        assert!(!check(&egress, "example.com", "10.0.0.1"));
        assert!(!check(&egress, "example.com", "::ffff:127.0.0.1"));
        assert!(egress.check_host("example.com").is_ok());
        assert_eq!(egress.check_host("[::1]").unwrap_err().class, "loopback");
    }

    #[test]
    fn rules_open_what_they_name() {
        let private = Egress::allowing(["private"]).unwrap();
        assert!(check(&private, "x", "10.0.0.1") && check(&private, "x", "127.0.0.1"));
        assert!(!check(&private, "x", "169.254.169.254") && !check(&private, "x", "100.100.100.200"));

        let network = Egress::allowing(["10.1.0.0/16", " 192.168.0.7 "]).unwrap();
        assert!(check(&network, "x", "10.1.2.3") && check(&network, "x", "::ffff:10.1.2.3"));
        assert!(check(&network, "x", "192.168.0.7"));
        assert!(!check(&network, "x", "10.2.0.1") && !check(&network, "x", "192.168.0.8"));

        let host = Egress::allowing(["Hooks.Internal."]).unwrap();
        assert!(check(&host, "hooks.internal", "10.0.0.1"));
        assert!(!check(&host, "other.internal", "10.0.0.1"));

        assert!(check(&Egress::allowing(["*"]).unwrap(), "x", "169.254.169.254"));
        assert!(Egress::allowing(["10.0.0.0/99"]).is_err() && Egress::allowing([""]).is_err());
    }
}

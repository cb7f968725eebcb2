//! The proxy of instances that have none of their own.

use super::parse;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Proxy",
    variables: &[
        Variable::text("PROXY_HOST", "", "proxy of instances that have none of their own"),
        Variable::number(
            "PROXY_PORT",
            "",
            "port",
            "its port; unset, 80 for http, 443 for https, 1080 for socks",
        ),
        Variable::choice(
            "PROXY_PROTOCOL",
            "",
            &["http", "https", "socks", "socks4", "socks5"],
            "its protocol; unset is http",
        ),
        Variable::text("PROXY_USERNAME", "", "user"),
        Variable::text("PROXY_PASSWORD", "", "password").secret(),
    ],
    switches: None,
};

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS 4.
    Socks4,
    /// SOCKS 5.
    Socks5,
}

/// The proxy of instances that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// User.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
}

impl Proxy {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let host = reader.text("PROXY_HOST");
        let port = reader.optional_number("PROXY_PORT", 1..=u16::MAX);
        let protocol = reader.parse("PROXY_PROTOCOL", |value| {
            let choices = [
                ("http", Protocol::Http),
                ("https", Protocol::Https),
                ("socks", Protocol::Socks5),
                ("socks4", Protocol::Socks4),
                ("socks5", Protocol::Socks5),
            ];
            parse::choice(value, &choices)
        });
        let username = reader.text("PROXY_USERNAME");
        let password = reader.secret("PROXY_PASSWORD");
        let protocol = protocol.unwrap_or(Protocol::Http);
        let port = port.unwrap_or(match protocol {
            Protocol::Http => 80,
            Protocol::Https => 443,
            Protocol::Socks4 | Protocol::Socks5 => 1080,
        });
        Some(Self { host: host?, port, protocol, username, password })
    }
}

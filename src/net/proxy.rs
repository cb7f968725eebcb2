//! What a proxy is. Once one is set there is no direct connection: an account that moved to a
//! proxy must never show the node's own address.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// How to talk to the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// `CONNECT` over plain TCP.
    Http,
    /// `CONNECT` over TLS.
    Https,
    /// SOCKS version 5, names resolved by the proxy.
    Socks5,
}

/// An instance's proxy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// How to talk to it.
    pub protocol: Protocol,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name and password, when it asks for them.
    pub credentials: Option<(String, String)>,
}

/// Why proxy settings cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidProxy {
    /// Not one of the protocols.
    #[error("proxy protocol {0:?} is not supported: use http, https or socks5")]
    Protocol(String),
    /// The host is empty or no host.
    #[error("{0:?} is no proxy host")]
    Host(String),
    /// Not a port.
    #[error("{0:?} is no proxy port")]
    Port(String),
    /// A user name or password that the protocol cannot carry.
    #[error("the proxy's user name or password cannot be used with its protocol")]
    Credentials,
}

impl FromStr for Protocol {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        // `socks` is how clients of Evolution API write version 5. Version 4 has no passwords and
        // no names of hosts, so it is refused and not treated as 5.
        match text.trim().trim_end_matches("://").to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "socks" | "socks5" | "socks5h" => Ok(Self::Socks5),
            _ => Err(InvalidProxy::Protocol(text.to_owned())),
        }
    }
}

impl Protocol {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5h",
        }
    }
}

impl Proxy {
    /// Reads settings as clients send them. Empty user name is none.
    ///
    /// # Errors
    /// [`InvalidProxy`] naming the field.
    pub fn parse(
        protocol: &str,
        host: &str,
        port: &str,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self, InvalidProxy> {
        let protocol = protocol.parse()?;
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || url::Host::parse(&bracketed(host)).is_err() {
            return Err(InvalidProxy::Host(host.to_owned()));
        }
        let text = port.trim();
        let port = text.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| InvalidProxy::Port(text.to_owned()))?;
        let credentials = username
            .filter(|name| !name.is_empty())
            .map(|name| (name.to_owned(), password.unwrap_or_default().to_owned()));
        if let Some((name, word)) = &credentials {
            // RFC 1929 has one length byte each; RFC 7617 forbids a colon in the name.
            let fits = match protocol {
                Protocol::Socks5 => name.len() <= 255 && word.len() <= 255,
                Protocol::Http | Protocol::Https => !name.contains(':'),
            };
            if !fits || name.chars().chain(word.chars()).any(char::is_control) {
                return Err(InvalidProxy::Credentials);
            }
        }
        Ok(Self { protocol, host: host.to_owned(), port, credentials })
    }

    /// The URL of the proxy with its credentials, for the HTTP library.
    pub(super) fn url(&self) -> Result<Url, InvalidProxy> {
        let invalid = || InvalidProxy::Host(self.host.clone());
        let text = format!("{}://{}:{}", self.protocol.scheme(), bracketed(&self.host), self.port);
        let mut url = Url::parse(&text).map_err(|_| invalid())?;
        if let Some((name, word)) = &self.credentials {
            url.set_username(name).and_then(|()| url.set_password(Some(word))).map_err(|()| invalid())?;
        }
        Ok(url)
    }
}

/// An IPv6 address in brackets, everything else as it is.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Without the credentials, so that a proxy may be logged.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.credentials.is_some() { "***@" } else { "" };
        write!(f, "{}://{user}{}:{}", self.protocol.scheme(), bracketed(&self.host), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_refused_by_field() {
        let proxy = Proxy::parse("socks", "proxy.example", "1080", Some("u"), Some("p@:/")).unwrap();
        assert_eq!(proxy.protocol, Protocol::Socks5);
        assert_eq!(proxy.url().unwrap().as_str(), "socks5h://u:p%40%3A%2F@proxy.example:1080");
        assert!(!format!("{proxy:?}").contains("p@"));
        assert_eq!(Proxy::parse("http", "[::1]", "8080", Some(""), None).unwrap().credentials, None);

        use InvalidProxy as E;
        assert!(matches!(Proxy::parse("socks4", "h", "1", None, None), Err(E::Protocol(_))));
        assert!(matches!(Proxy::parse("http", " ", "1", None, None), Err(E::Host(_))));
        assert!(matches!(Proxy::parse("http", "a b", "1", None, None), Err(E::Host(_))));
        for port in ["0", "", "70000", "x"] {
            assert!(matches!(Proxy::parse("http", "h", port, None, None), Err(E::Port(_))), "{port}");
        }
        assert!(matches!(Proxy::parse("http", "h", "1", Some("a:b"), None), Err(E::Credentials)));
        assert!(matches!(Proxy::parse("socks5", "h", "1", Some("a"), Some("x\r\n")), Err(E::Credentials)));
    }
}

//! How WhatsApp is reached.

use url::Url;

use super::parse;
use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "WhatsApp",
    variables: &[
        Variable::url(
            "WAGGLE_WHATSAPP_URL",
            "wss://web.whatsapp.com/ws/chat",
            "chat socket of WhatsApp Web; a simulator build has no default and refuses WhatsApp's own hosts",
        ),
        Variable::text(
            "WAGGLE_WHATSAPP_VERSION",
            "",
            "WhatsApp Web version to announce, as 2.3000.N; unset, it is looked up once per node",
        ),
    ],
    switches: None,
};

/// WhatsApp's own domains.
const REAL_DOMAINS: &[&str] = &["whatsapp.com", "whatsapp.net"];

/// How WhatsApp is reached.
#[derive(Debug, Clone)]
pub struct WhatsApp {
    /// Address of the chat socket, `ws://` or `wss://`.
    pub url: String,
    /// Version to announce (major, minor, patch); `None` looks it up.
    pub version: Option<(u32, u32, u32)>,
}

impl WhatsApp {
    /// `simulator` says whether this build trusts the simulated server's certificate.
    pub(super) fn read(reader: &mut Reader<'_>, simulator: bool) -> Self {
        let url = reader.parse("WAGGLE_WHATSAPP_URL", |value| parse::url(value, &["ws", "wss"]));
        if simulator {
            if !reader.is_set("WAGGLE_WHATSAPP_URL") {
                reader.missing(
                    "WAGGLE_WHATSAPP_URL",
                    "a simulator build talks to a simulated WhatsApp only: set its address",
                );
            } else if url.as_deref().is_some_and(is_real) {
                reader.refuse(
                    "WAGGLE_WHATSAPP_URL",
                    "a simulator build accepts any certificate, so it must not talk to WhatsApp itself",
                );
            }
        }
        Self { url: url.unwrap_or_default(), version: reader.parse("WAGGLE_WHATSAPP_VERSION", version) }
    }
}

fn is_real(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return true };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    REAL_DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn version(value: &str) -> Result<(u32, u32, u32), String> {
    let expected = || "a version such as 2.3000.1023223821".to_owned();
    let parts: Vec<u32> =
        value.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| expected())?;
    match parts[..] {
        [2, 3000, patch] => Ok((2, 3000, patch)),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;

    fn errors(url: &str, simulator: bool) -> usize {
        let environment = Environment::default().with("WAGGLE_WHATSAPP_URL", url);
        let mut reader = Reader::new(&environment);
        WhatsApp::read(&mut reader, simulator);
        reader.errors.len()
    }

    #[test]
    fn a_simulator_build_needs_an_address_that_is_not_whatsapps() {
        assert_eq!(errors("", true), 1);
        assert_eq!(errors("wss://web.whatsapp.com/ws/chat", true), 1);
        assert_eq!(errors("wss://G.WhatsApp.net./ws", true), 1);
        assert_eq!(errors("wss://127.0.0.1:8443/ws/chat", true), 0);
        assert_eq!(errors("wss://notwhatsapp.com/ws/chat", true), 0);
    }

    #[test]
    fn a_release_goes_anywhere() {
        assert_eq!(errors("", false), 0);
        assert_eq!(errors("wss://web.whatsapp.com/ws/chat", false), 0);
        assert_eq!(errors("https://web.whatsapp.com", false), 1);
    }

    #[test]
    fn versions_are_of_whatsapp_web() {
        assert_eq!(version("2.3000.1023"), Ok((2, 3000, 1023)));
        assert!(version("2.24.1").is_err());
        assert!(version("2.3000").is_err());
    }
}

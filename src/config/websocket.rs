//! The websocket sink.

use std::net::IpAddr;

use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "WebSocket",
    variables: &[
        Variable::flag("WEBSOCKET_ENABLED", "false", "serves events over socket.io on SERVER_PORT"),
        Variable::flag(
            "WEBSOCKET_GLOBAL_EVENTS",
            "false",
            "sends the events of all instances to the root namespace",
        ),
        Variable::list(
            "WEBSOCKET_ALLOWED_HOSTS",
            "127.0.0.1,::1,::ffff:127.0.0.1",
            "client addresses that need no key",
        ),
    ],
    switches: None,
};

/// The websocket sink.
#[derive(Debug, Clone)]
pub struct WebSocket {
    /// Serve events.
    pub enabled: bool,
    /// Send the events of all instances to the root namespace.
    pub global: bool,
    /// Client addresses that need no key, in canonical form.
    pub trusted_addresses: Vec<IpAddr>,
}

impl WebSocket {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut trusted_addresses = reader.list_of("WEBSOCKET_ALLOWED_HOSTS", |part| {
            part.parse::<IpAddr>()
                .map(|address| address.to_canonical())
                .map_err(|_| "a list of IP addresses".to_owned())
        });
        trusted_addresses.sort();
        trusted_addresses.dedup();
        Self {
            enabled: reader.flag("WEBSOCKET_ENABLED"),
            global: reader.flag("WEBSOCKET_GLOBAL_EVENTS"),
            trusted_addresses,
        }
    }
}

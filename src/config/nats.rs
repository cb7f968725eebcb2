//! The NATS sink.

use std::collections::BTreeSet;

use super::events::{self, event_switches};
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Switches, Variable};

const SWITCHES: Switches = event_switches!("NATS_EVENTS_");

pub(super) const GROUP: Group = Group {
    title: "NATS",
    variables: &[
        Variable::flag("NATS_ENABLED", "false", "publishes events to NATS"),
        Variable::url("NATS_URI", "", "nats:// or tls:// address").secret(),
        Variable::ignored("NATS_EXCHANGE_NAME", "subjects have no exchange"),
        Variable::flag(
            "NATS_GLOBAL_ENABLED",
            "false",
            "publishes the events of all instances to the global feed",
        ),
        Variable::text("NATS_PREFIX_KEY", "", "what global subjects begin with"),
    ],
    switches: Some(SWITCHES),
};

/// The NATS sink.
#[derive(Debug, Clone)]
pub struct Nats {
    /// Publish events.
    pub enabled: bool,
    /// Address; set whenever `enabled`.
    pub uri: Option<Secret>,
    /// Publish the global feed.
    pub global: bool,
    /// What global subjects begin with.
    pub prefix: Option<String>,
    /// Dotted names of the events in the global feed.
    pub events: BTreeSet<String>,
}

impl Nats {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.ignore("NATS_EXCHANGE_NAME");
        let sink = Self {
            enabled: reader.flag("NATS_ENABLED"),
            uri: reader.secret_url("NATS_URI", &["nats", "tls", "ws", "wss"]),
            global: reader.flag("NATS_GLOBAL_ENABLED"),
            prefix: reader.text("NATS_PREFIX_KEY"),
            events: events::read(reader, &SWITCHES),
        };
        if sink.enabled {
            reader.require("NATS_URI", &sink.uri, "NATS_ENABLED=true needs it");
        }
        sink
    }
}

//! The Pusher sink.

use std::collections::BTreeSet;

use super::events::{self, event_switches};
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Switches, Variable};

const SWITCHES: Switches = event_switches!("PUSHER_EVENTS_");

pub(super) const GROUP: Group = Group {
    title: "Pusher",
    variables: &[
        Variable::flag("PUSHER_ENABLED", "false", "sends events to Pusher"),
        Variable::flag(
            "PUSHER_GLOBAL_ENABLED",
            "false",
            "sends the events of all instances to one Pusher app",
        ),
        Variable::text("PUSHER_GLOBAL_APP_ID", "", "its id"),
        Variable::text("PUSHER_GLOBAL_KEY", "", "its key"),
        Variable::text("PUSHER_GLOBAL_SECRET", "", "its secret").secret(),
        Variable::text("PUSHER_GLOBAL_CLUSTER", "", "its cluster"),
        Variable::flag("PUSHER_GLOBAL_USE_TLS", "false", "speaks TLS to it"),
    ],
    switches: Some(SWITCHES),
};

/// The Pusher sink.
#[derive(Debug, Clone)]
pub struct Pusher {
    /// Send events.
    pub enabled: bool,
    /// The app of all instances, when enabled.
    pub global: Option<App>,
    /// Dotted names of the events in the global feed.
    pub events: BTreeSet<String>,
}

/// A Pusher app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
    /// Its secret.
    pub secret: Secret,
    /// Its cluster.
    pub cluster: String,
    /// Speak TLS to it.
    pub tls: bool,
}

impl Pusher {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let enabled = reader.flag("PUSHER_ENABLED");
        Self { enabled, global: App::read(reader, enabled), events: events::read(reader, &SWITCHES) }
    }
}

impl App {
    fn read(reader: &mut Reader<'_>, enabled: bool) -> Option<Self> {
        let wanted = reader.flag("PUSHER_GLOBAL_ENABLED") && enabled;
        let id = reader.text("PUSHER_GLOBAL_APP_ID");
        let key = reader.text("PUSHER_GLOBAL_KEY");
        let secret = reader.secret("PUSHER_GLOBAL_SECRET");
        let cluster = reader.text("PUSHER_GLOBAL_CLUSTER");
        let tls = reader.flag("PUSHER_GLOBAL_USE_TLS");
        if wanted {
            let why = "PUSHER_GLOBAL_ENABLED=true needs it";
            reader.require("PUSHER_GLOBAL_APP_ID", &id, why);
            reader.require("PUSHER_GLOBAL_KEY", &key, why);
            reader.require("PUSHER_GLOBAL_SECRET", &secret, why);
            reader.require("PUSHER_GLOBAL_CLUSTER", &cluster, why);
        }
        let app = Self { id: id?, key: key?, secret: secret?, cluster: cluster?, tls };
        wanted.then_some(app)
    }
}

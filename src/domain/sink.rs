//! Where the events of an instance go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EventKind;

/// The kinds of sink that a tenant can configure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// HTTP POST to the tenant's URL.
    Webhook,
    /// socket.io and plain WebSocket.
    Websocket,
    /// The tenant's RabbitMQ feed.
    Rabbitmq,
}

impl SinkKind {
    /// The text in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Websocket => "websocket",
            Self::Rabbitmq => "rabbitmq",
        }
    }
}

/// A sink of one instance. Times are unix milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sink {
    /// Identity of the row, shown to clients.
    pub id: Uuid,
    /// Which kind.
    pub kind: SinkKind,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// What is delivered; empty means everything.
    pub events: Vec<EventKind>,
    /// Only webhooks have these.
    pub webhook: Option<WebhookOptions>,
    /// Creation time.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

/// What a webhook has beside its event filter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WebhookOptions {
    /// Where to POST.
    pub url: String,
    /// Headers of every request; `jwt_key` is a key to sign a token with, not a header.
    pub headers: BTreeMap<String, String>,
    /// Append the event's name to the URL's path.
    pub by_events: bool,
    /// Put media into the event as base64.
    pub base64: bool,
}

impl Sink {
    /// Whether an event of this kind is delivered.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }
}

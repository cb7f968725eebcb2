//! What is logged, and how.

use tracing::level_filters::LevelFilter;

use super::parse;
use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Logs",
    variables: &[
        Variable::list(
            "LOG_LEVEL",
            "ERROR,WARN,INFO,LOG",
            "kinds that are logged: ERROR, WARN, INFO, LOG, DEBUG, VERBOSE, DARK, TRACE; WEBHOOKS and WEBSOCKET add event bodies, which hold what people wrote",
        ),
        Variable::flag("LOG_COLOR", "false", "colours in text logs"),
        Variable::choice(
            "LOG_BAILEYS",
            "error",
            &["silent", "fatal", "error", "warn", "info", "debug", "trace"],
            "level of the WhatsApp protocol library",
        ),
        Variable::choice(
            "WAGGLE_LOG_FORMAT",
            "text",
            &["text", "json"],
            "one line of text or one JSON object per event",
        ),
        Variable::ignored("TELEMETRY_ENABLED", "nothing phones home"),
        Variable::ignored("TELEMETRY_URL", "nothing phones home"),
        Variable::dropped("SENTRY_DSN", "errors go to the log; nothing is sent to Sentry"),
    ],
    switches: None,
};

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Level of our own events.
    pub level: LevelFilter,
    /// Level of the WhatsApp protocol library.
    pub protocol_level: LevelFilter,
    /// Log the bodies of webhook deliveries.
    pub webhook_bodies: bool,
    /// Log the bodies of websocket events.
    pub websocket_bodies: bool,
    /// Colours in text logs.
    pub color: bool,
    /// Text or JSON.
    pub format: Format,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What one entry of `LOG_LEVEL` switches on.
#[derive(Clone, Copy)]
enum Entry {
    Level(LevelFilter),
    WebhookBodies,
    WebsocketBodies,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        for name in ["TELEMETRY_ENABLED", "TELEMETRY_URL", "SENTRY_DSN"] {
            reader.ignore(name);
        }
        let entries = reader.list_of("LOG_LEVEL", entry);
        let level = entries.iter().filter_map(|entry| match entry {
            Entry::Level(level) => Some(*level),
            Entry::WebhookBodies | Entry::WebsocketBodies => None,
        });
        Self {
            level: level.max().unwrap_or(LevelFilter::OFF),
            webhook_bodies: entries.iter().any(|entry| matches!(entry, Entry::WebhookBodies)),
            websocket_bodies: entries.iter().any(|entry| matches!(entry, Entry::WebsocketBodies)),
            protocol_level: reader.parse("LOG_BAILEYS", protocol_level).unwrap_or(LevelFilter::ERROR),
            color: reader.flag("LOG_COLOR"),
            format: reader
                .parse("WAGGLE_LOG_FORMAT", |value| {
                    parse::choice(value, &[("text", Format::Text), ("json", Format::Json)])
                })
                .unwrap_or(Format::Text),
        }
    }
}

fn entry(value: &str) -> Result<Entry, String> {
    parse::choice(
        value,
        &[
            ("ERROR", Entry::Level(LevelFilter::ERROR)),
            ("WARN", Entry::Level(LevelFilter::WARN)),
            ("INFO", Entry::Level(LevelFilter::INFO)),
            ("LOG", Entry::Level(LevelFilter::INFO)),
            ("DEBUG", Entry::Level(LevelFilter::DEBUG)),
            ("VERBOSE", Entry::Level(LevelFilter::DEBUG)),
            ("DARK", Entry::Level(LevelFilter::DEBUG)),
            ("TRACE", Entry::Level(LevelFilter::TRACE)),
            ("WEBHOOKS", Entry::WebhookBodies),
            ("WEBSOCKET", Entry::WebsocketBodies),
        ],
    )
}

fn protocol_level(value: &str) -> Result<LevelFilter, String> {
    parse::choice(
        value,
        &[
            ("silent", LevelFilter::OFF),
            ("fatal", LevelFilter::ERROR),
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
        ],
    )
}

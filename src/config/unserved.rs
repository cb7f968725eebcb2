//! What is read and checked, and not served yet: whoever turns it on is told so at start.

use super::{Environment, Warning, parse};

/// The groups of the table of which nothing works yet, each with what turns it on.
const GROUPS: &[(&str, &[&str])] = &[
    ("NATS", &["NATS_ENABLED"]),
    ("SQS", &["SQS_ENABLED"]),
    ("Kafka", &["KAFKA_ENABLED"]),
    ("WebSocket", &["WEBSOCKET_ENABLED"]),
    ("Pusher", &["PUSHER_ENABLED"]),
    (
        "Bots",
        &[
            "TYPEBOT_ENABLED",
            "OPENAI_ENABLED",
            "DIFY_ENABLED",
            "N8N_ENABLED",
            "EVOAI_ENABLED",
            "FLOWISE_ENABLED",
        ],
    ),
    ("Chatwoot and left-overs", &["CHATWOOT_ENABLED"]),
];

/// Whether nothing of the group of this title is served.
pub(super) fn is_group(title: &str) -> bool {
    GROUPS.iter().any(|(group, _)| *group == title)
}

/// One warning for each that is turned on.
pub(super) fn warnings(environment: &Environment) -> impl Iterator<Item = Warning> {
    let is_on = |name: &&str| environment.get(name).is_some_and(|value| parse::flag(value) == Ok(true));
    let on = GROUPS.iter().flat_map(|(_, switches)| switches.iter().copied()).filter(is_on);
    on.map(|name| Warning::Unserved { name })
}

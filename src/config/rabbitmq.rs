//! The RabbitMQ sink.

use std::collections::BTreeSet;

use super::events::{self, event_switches};
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Switches, Variable};
use super::webhook::Delivery;

const SWITCHES: Switches = event_switches!("RABBITMQ_EVENTS_");

pub(super) const GROUP: Group = Group {
    title: "RabbitMQ",
    variables: &[
        Variable::flag(
            "RABBITMQ_ENABLED",
            "false",
            "publishes the feeds of instances, and the global one, to RabbitMQ",
        ),
        Variable::url(
            "RABBITMQ_URI",
            "",
            "amqp:// or amqps:// address; needed by the feeds and by WAGGLE_WEBHOOK_DELIVERY",
        )
        .secret(),
        Variable::text("RABBITMQ_EXCHANGE_NAME", "evolution_exchange", "topic exchange of the global feed"),
        Variable::number("RABBITMQ_FRAME_MAX", "8192", "bytes", "largest frame"),
        Variable::flag(
            "RABBITMQ_GLOBAL_ENABLED",
            "false",
            "publishes the events of all instances to the global feed",
        ),
        Variable::text(
            "RABBITMQ_PREFIX_KEY",
            "",
            "what the names of global queues, and of the webhook queues, begin with",
        ),
    ],
    switches: Some(SWITCHES),
};

/// The RabbitMQ sink.
#[derive(Debug, Clone)]
pub struct RabbitMq {
    /// Publish the feeds.
    pub enabled: bool,
    /// Address; set whenever `enabled`, or when webhooks are delivered through RabbitMQ.
    pub uri: Option<Secret>,
    /// Topic exchange of the global feed.
    pub exchange: String,
    /// Largest frame, in bytes.
    pub frame_max: u32,
    /// Publish the global feed.
    pub global: bool,
    /// What the names of global queues, and of the webhook queues, begin with.
    pub prefix: Option<String>,
    /// Dotted names of the events in the global feed.
    pub events: BTreeSet<String>,
}

impl RabbitMq {
    pub(super) fn read(reader: &mut Reader<'_>, delivery: Delivery) -> Self {
        let sink = Self {
            enabled: reader.flag("RABBITMQ_ENABLED"),
            uri: reader.secret_url("RABBITMQ_URI", &["amqp", "amqps"]),
            exchange: reader.string("RABBITMQ_EXCHANGE_NAME"),
            frame_max: reader.number("RABBITMQ_FRAME_MAX", 4_096..=16_777_216),
            global: reader.flag("RABBITMQ_GLOBAL_ENABLED"),
            prefix: reader.text("RABBITMQ_PREFIX_KEY"),
            events: events::read(reader, &SWITCHES),
        };
        if sink.enabled {
            reader.require("RABBITMQ_URI", &sink.uri, "RABBITMQ_ENABLED=true needs it");
        } else if delivery != Delivery::Node {
            reader.require("RABBITMQ_URI", &sink.uri, "WAGGLE_WEBHOOK_DELIVERY needs it unless it is node");
        }
        if sink.enabled && sink.global && sink.events.is_empty() {
            reader.risky(
                "RABBITMQ_GLOBAL_ENABLED",
                "no RABBITMQ_EVENTS_* switch is on, so nothing is published",
            );
        }
        sink
    }
}

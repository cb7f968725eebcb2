//! The SQS sink.

use std::collections::BTreeSet;

use super::events::{self, event_switches};
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Switches, Variable};

const SWITCHES: Switches = event_switches!("SQS_GLOBAL_");

pub(super) const GROUP: Group = Group {
    title: "SQS",
    variables: &[
        Variable::flag("SQS_ENABLED", "false", "sends events to SQS FIFO queues"),
        Variable::flag("SQS_GLOBAL_ENABLED", "false", "global queues in place of one set per instance"),
        Variable::flag("SQS_GLOBAL_FORCE_SINGLE_QUEUE", "false", "one queue for all events"),
        Variable::text("SQS_GLOBAL_PREFIX_NAME", "global", "what the names of global queues begin with"),
        Variable::text("SQS_ACCESS_KEY_ID", "", "credentials"),
        Variable::text("SQS_SECRET_ACCESS_KEY", "", "credentials").secret(),
        Variable::text("SQS_ACCOUNT_ID", "", "account in the address of a queue"),
        Variable::text("SQS_REGION", "", "region"),
        Variable::number("SQS_MAX_PAYLOAD_SIZE", "1048576", "bytes", "larger bodies go to S3"),
    ],
    switches: Some(SWITCHES),
};

/// The SQS sink.
#[derive(Debug, Clone)]
pub struct Sqs {
    /// Send events.
    pub enabled: bool,
    /// Global queues in place of one set per instance.
    pub global: bool,
    /// One queue for all events.
    pub single_queue: bool,
    /// What the names of global queues begin with.
    pub prefix: String,
    /// Access key.
    pub access_key_id: Option<String>,
    /// Secret key.
    pub secret_access_key: Option<Secret>,
    /// Account; set whenever `enabled`.
    pub account_id: Option<String>,
    /// Region; set whenever `enabled`.
    pub region: Option<String>,
    /// Bodies larger than this many bytes go to S3.
    pub max_payload_bytes: usize,
    /// Dotted names of the events in the global feed.
    pub events: BTreeSet<String>,
}

impl Sqs {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let sink = Self {
            enabled: reader.flag("SQS_ENABLED"),
            global: reader.flag("SQS_GLOBAL_ENABLED"),
            single_queue: reader.flag("SQS_GLOBAL_FORCE_SINGLE_QUEUE"),
            prefix: reader.string("SQS_GLOBAL_PREFIX_NAME"),
            access_key_id: reader.text("SQS_ACCESS_KEY_ID"),
            secret_access_key: reader.secret("SQS_SECRET_ACCESS_KEY"),
            account_id: reader.text("SQS_ACCOUNT_ID"),
            region: reader.text("SQS_REGION"),
            max_payload_bytes: reader.number("SQS_MAX_PAYLOAD_SIZE", 1..=1_048_576),
            events: events::read(reader, &SWITCHES),
        };
        if sink.enabled {
            reader.require("SQS_ACCOUNT_ID", &sink.account_id, "SQS_ENABLED=true needs it");
            reader.require("SQS_REGION", &sink.region, "SQS_ENABLED=true needs it");
        }
        sink
    }
}

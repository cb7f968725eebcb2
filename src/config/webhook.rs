//! Webhooks: the global one, retries, signing, egress.

use std::collections::BTreeSet;
use std::time::Duration;

use super::egress::Egress;
use super::events::{self, event_switches};
use super::parse;
use super::reader::Reader;
use super::secret::{Secret, SecretBytes};
use super::variable::{Group, Switches, Variable};

const SWITCHES: Switches = event_switches!("WEBHOOK_EVENTS_");

pub(super) const GROUP: Group = Group {
    title: "Webhooks",
    variables: &[
        Variable::flag("WEBHOOK_GLOBAL_ENABLED", "false", "sends the events of all instances to one address"),
        Variable::url("WEBHOOK_GLOBAL_URL", "", "that address").secret(),
        Variable::flag(
            "WEBHOOK_GLOBAL_WEBHOOK_BY_EVENTS",
            "false",
            "appends the event's name to the address",
        ),
        Variable::number(
            "WEBHOOK_REQUEST_TIMEOUT_MS",
            "30000",
            "milliseconds",
            "how long an answer is awaited",
        ),
        Variable::number("WEBHOOK_RETRY_MAX_ATTEMPTS", "10", "count", "tries per delivery; 0 and 1 try once"),
        Variable::number("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", "5", "seconds", "wait before the second try"),
        Variable::flag("WEBHOOK_RETRY_USE_EXPONENTIAL_BACKOFF", "true", "doubles the wait after every try"),
        Variable::number("WEBHOOK_RETRY_MAX_DELAY_SECONDS", "300", "seconds", "longest wait"),
        Variable::number("WEBHOOK_RETRY_JITTER_FACTOR", "0.2", "share from 0 to 1", "random part of a wait"),
        Variable::list(
            "WEBHOOK_RETRY_NON_RETRYABLE_STATUS_CODES",
            "400,401,403,404,422",
            "answers that end a delivery at once",
        ),
        Variable::flag(
            "WEBHOOK_EVENTS_ERRORS",
            "false",
            "reports failed API calls to WEBHOOK_EVENTS_ERRORS_WEBHOOK",
        ),
        Variable::url("WEBHOOK_EVENTS_ERRORS_WEBHOOK", "", "address that failed API calls are reported to")
            .secret(),
        Variable::choice(
            "WAGGLE_WEBHOOK_DELIVERY",
            "node",
            &["node", "workers", "both"],
            "who delivers webhooks: every node its own; `waggle worker` processes, through RABBITMQ_URI; or workers and nodes together",
        ),
        Variable::number(
            "WAGGLE_WEBHOOK_PARTITIONS",
            "16",
            "count",
            "queues that deliveries through RabbitMQ are spread over, the same on every node and worker; at most so many processes share the work",
        ),
        Variable::list(
            "WAGGLE_WEBHOOK_SECRET",
            "",
            "signs deliveries: whsec_ and base64, or any text; two during a rotation, the new one first",
        )
        .secret(),
        Variable::list(
            "WAGGLE_EGRESS_ALLOW",
            "",
            "private addresses that webhooks and media downloads may reach all the same: networks (10.0.0.0/8), hosts, private for all private ones, * for anything",
        ),
    ],
    switches: Some(SWITCHES),
};

/// Webhooks: the global one, retries, signing, egress.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The webhook of all instances, when enabled.
    pub global: Option<Global>,
    /// How long an answer is awaited.
    pub timeout: Duration,
    /// When a failed delivery is tried again.
    pub retry: Retry,
    /// Who delivers.
    pub delivery: Delivery,
    /// Queues that deliveries through RabbitMQ are spread over, at least one.
    pub partitions: u16,
    /// Where failed API calls are reported.
    pub errors_url: Option<Secret>,
    /// Keys that deliveries are signed with, the current one first; at most two, none signs nothing.
    pub signing_keys: Vec<SecretBytes>,
    /// Private addresses that outbound requests may reach.
    pub egress: Egress,
}

/// Who delivers webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Every node those of its own instances.
    Node,
    /// Workers, through RabbitMQ.
    Workers,
    /// Workers and nodes, through RabbitMQ.
    Both,
}

/// The webhook of all instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// Its address, which may hold a token.
    pub url: Secret,
    /// Append the event's name to the address.
    pub by_events: bool,
    /// Dotted names of the events that go there.
    pub events: BTreeSet<String>,
}

/// When a failed delivery is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, at least one.
    pub max_attempts: u32,
    /// Wait before the second try.
    pub initial_delay: Duration,
    /// Double the wait after every try.
    pub exponential: bool,
    /// Longest wait.
    pub max_delay: Duration,
    /// Random part of a wait, from 0 to 1.
    pub jitter: f64,
    /// Answers that end a delivery at once.
    pub fatal_statuses: BTreeSet<u16>,
}

impl Webhook {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let errors_url = reader.secret_url("WEBHOOK_EVENTS_ERRORS_WEBHOOK", &["http", "https"]);
        let report_errors = reader.flag("WEBHOOK_EVENTS_ERRORS");
        if report_errors {
            reader.require(
                "WEBHOOK_EVENTS_ERRORS_WEBHOOK",
                &errors_url,
                "WEBHOOK_EVENTS_ERRORS=true needs it",
            );
        }
        Self {
            global: Global::read(reader),
            timeout: reader.milliseconds("WEBHOOK_REQUEST_TIMEOUT_MS", 1..=3_600_000),
            retry: Retry::read(reader),
            delivery: reader
                .parse("WAGGLE_WEBHOOK_DELIVERY", |value| {
                    let choices =
                        [("node", Delivery::Node), ("workers", Delivery::Workers), ("both", Delivery::Both)];
                    parse::choice(value, &choices)
                })
                .unwrap_or(Delivery::Node),
            partitions: reader.number("WAGGLE_WEBHOOK_PARTITIONS", 1..=1_024),
            errors_url: errors_url.filter(|_| report_errors),
            signing_keys: reader.parse("WAGGLE_WEBHOOK_SECRET", signing_keys).unwrap_or_default(),
            egress: Egress::read(reader),
        }
    }
}

impl Global {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let enabled = reader.flag("WEBHOOK_GLOBAL_ENABLED");
        let url = reader.secret_url("WEBHOOK_GLOBAL_URL", &["http", "https"]);
        let by_events = reader.flag("WEBHOOK_GLOBAL_WEBHOOK_BY_EVENTS");
        let events = events::read(reader, &SWITCHES);
        if enabled {
            reader.require("WEBHOOK_GLOBAL_URL", &url, "WEBHOOK_GLOBAL_ENABLED=true needs it");
            if events.is_empty() {
                reader
                    .risky("WEBHOOK_GLOBAL_ENABLED", "no WEBHOOK_EVENTS_* switch is on, so nothing is sent");
            }
        }
        url.filter(|_| enabled).map(|url| Self { url, by_events, events })
    }
}

impl Retry {
    fn read(reader: &mut Reader<'_>) -> Self {
        let attempts: u32 = reader.number("WEBHOOK_RETRY_MAX_ATTEMPTS", 0..=1_000);
        Self {
            max_attempts: attempts.max(1),
            initial_delay: reader.seconds("WEBHOOK_RETRY_INITIAL_DELAY_SECONDS", 0..=86_400),
            exponential: reader.flag("WEBHOOK_RETRY_USE_EXPONENTIAL_BACKOFF"),
            max_delay: reader.seconds("WEBHOOK_RETRY_MAX_DELAY_SECONDS", 0..=604_800),
            jitter: reader.number("WEBHOOK_RETRY_JITTER_FACTOR", 0.0..=1.0),
            fatal_statuses: reader
                .list_of("WEBHOOK_RETRY_NON_RETRYABLE_STATUS_CODES", |part| {
                    parse::number(part, &(100..=599)).map_err(|_| "a list of HTTP statuses".to_owned())
                })
                .into_iter()
                .collect(),
        }
    }
}

fn signing_keys(value: &str) -> Result<Vec<SecretBytes>, String> {
    let secrets = parse::list(value);
    if secrets.len() > 2 {
        return Err("at most two secrets".to_owned());
    }
    secrets
        .iter()
        .map(|secret| match secret.strip_prefix("whsec_") {
            Some(encoded) => parse::base64(encoded)
                .filter(|bytes| !bytes.is_empty())
                .map(SecretBytes::new)
                .ok_or_else(|| "whsec_ followed by base64".to_owned()),
            None => Ok(SecretBytes::new(secret.as_bytes())),
        })
        .collect()
}

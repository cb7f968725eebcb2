//! The Kafka sink.

use std::collections::BTreeSet;
use std::time::Duration;

use super::events::{self, event_switches};
use super::parse;
use super::reader::Reader;
use super::secret::Secret;
use super::variable::{Group, Switches, Variable};

const SWITCHES: Switches = event_switches!("KAFKA_EVENTS_");

pub(super) const GROUP: Group = Group {
    title: "Kafka",
    variables: &[
        Variable::flag("KAFKA_ENABLED", "false", "publishes events to Kafka"),
        Variable::text("KAFKA_CLIENT_ID", "evolution-api", "client id"),
        Variable::list("KAFKA_BROKERS", "localhost:9092", "brokers, as host:port"),
        Variable::number(
            "KAFKA_CONNECTION_TIMEOUT",
            "3000",
            "milliseconds",
            "how long a connection may take",
        ),
        Variable::number("KAFKA_REQUEST_TIMEOUT", "30000", "milliseconds", "how long an answer is awaited"),
        Variable::flag(
            "KAFKA_GLOBAL_ENABLED",
            "false",
            "publishes the events of all instances to the global feed",
        ),
        Variable::ignored("KAFKA_CONSUMER_GROUP_ID", "events are only published"),
        Variable::text("KAFKA_TOPIC_PREFIX", "evolution", "what topics begin with"),
        Variable::number("KAFKA_NUM_PARTITIONS", "1", "count", "partitions of topics that the node creates"),
        Variable::number(
            "KAFKA_REPLICATION_FACTOR",
            "1",
            "count",
            "replicas of topics that the node creates",
        ),
        Variable::flag("KAFKA_AUTO_CREATE_TOPICS", "false", "creates missing topics"),
        Variable::flag("KAFKA_SASL_ENABLED", "false", "authenticates with SASL"),
        Variable::choice(
            "KAFKA_SASL_MECHANISM",
            "plain",
            &["plain", "scram-sha-256", "scram-sha-512"],
            "SASL mechanism",
        ),
        Variable::text("KAFKA_SASL_USERNAME", "", "user"),
        Variable::text("KAFKA_SASL_PASSWORD", "", "password").secret(),
        Variable::flag("KAFKA_SSL_ENABLED", "false", "speaks TLS"),
        Variable::flag("KAFKA_SSL_REJECT_UNAUTHORIZED", "true", "verifies the broker's certificate"),
        Variable::text("KAFKA_SSL_CA", "", "certificate authority (PEM, or its path)"),
        Variable::text("KAFKA_SSL_KEY", "", "client key (PEM, or its path)").secret(),
        Variable::text("KAFKA_SSL_CERT", "", "client certificate (PEM, or its path)"),
    ],
    switches: Some(SWITCHES),
};

/// The Kafka sink.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// Publish events.
    pub enabled: bool,
    /// Client id.
    pub client_id: String,
    /// Brokers, as `host:port`; at least one whenever `enabled`.
    pub brokers: Vec<String>,
    /// How long a connection may take.
    pub connection_timeout: Duration,
    /// How long an answer is awaited.
    pub request_timeout: Duration,
    /// Publish the global feed.
    pub global: bool,
    /// What topics begin with.
    pub topic_prefix: String,
    /// How missing topics are created; `None` does not create them.
    pub create_topics: Option<Topics>,
    /// SASL, when enabled.
    pub sasl: Option<Sasl>,
    /// TLS, when enabled.
    pub tls: Option<KafkaTls>,
    /// Dotted names of the events in the global feed.
    pub events: BTreeSet<String>,
}

/// How missing topics are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topics {
    /// Partitions, at least one.
    pub partitions: i32,
    /// Replicas, at least one.
    pub replicas: i16,
}

/// Way of proving who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Password in the clear.
    Plain,
    /// Challenge with SHA-256.
    ScramSha256,
    /// Challenge with SHA-512.
    ScramSha512,
}

/// SASL credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sasl {
    /// Mechanism.
    pub mechanism: Mechanism,
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// TLS towards the brokers. Files are given as PEM text or as a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaTls {
    /// Verify the broker's certificate.
    pub verify: bool,
    /// Certificate authority.
    pub authority: Option<String>,
    /// Client key.
    pub key: Option<Secret>,
    /// Client certificate.
    pub certificate: Option<String>,
}

impl Kafka {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.ignore("KAFKA_CONSUMER_GROUP_ID");
        Self {
            enabled: reader.flag("KAFKA_ENABLED"),
            client_id: reader.string("KAFKA_CLIENT_ID"),
            brokers: reader.list("KAFKA_BROKERS"),
            connection_timeout: reader.milliseconds("KAFKA_CONNECTION_TIMEOUT", 1..=600_000),
            request_timeout: reader.milliseconds("KAFKA_REQUEST_TIMEOUT", 1..=600_000),
            global: reader.flag("KAFKA_GLOBAL_ENABLED"),
            topic_prefix: reader.string("KAFKA_TOPIC_PREFIX"),
            create_topics: Topics::read(reader),
            sasl: Sasl::read(reader),
            tls: KafkaTls::read(reader),
            events: events::read(reader, &SWITCHES),
        }
    }
}

impl Topics {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let partitions = reader.number("KAFKA_NUM_PARTITIONS", 1..=10_000);
        let replicas = reader.number("KAFKA_REPLICATION_FACTOR", 1..=100);
        reader.flag("KAFKA_AUTO_CREATE_TOPICS").then_some(Self { partitions, replicas })
    }
}

impl Sasl {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let enabled = reader.flag("KAFKA_SASL_ENABLED");
        let username = reader.text("KAFKA_SASL_USERNAME");
        let password = reader.secret("KAFKA_SASL_PASSWORD");
        let mechanism = reader.parse("KAFKA_SASL_MECHANISM", |value| {
            let choices = [
                ("plain", Mechanism::Plain),
                ("scram-sha-256", Mechanism::ScramSha256),
                ("scram-sha-512", Mechanism::ScramSha512),
            ];
            parse::choice(value, &choices)
        });
        if enabled {
            reader.require("KAFKA_SASL_USERNAME", &username, "KAFKA_SASL_ENABLED=true needs it");
            reader.require("KAFKA_SASL_PASSWORD", &password, "KAFKA_SASL_ENABLED=true needs it");
        }
        let (username, password) = (username?, password?);
        enabled.then_some(Self { mechanism: mechanism.unwrap_or(Mechanism::Plain), username, password })
    }
}

impl KafkaTls {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let tls = Self {
            verify: reader.flag("KAFKA_SSL_REJECT_UNAUTHORIZED"),
            authority: reader.text("KAFKA_SSL_CA"),
            key: reader.secret("KAFKA_SSL_KEY"),
            certificate: reader.text("KAFKA_SSL_CERT"),
        };
        reader.flag("KAFKA_SSL_ENABLED").then_some(tls)
    }
}

//! Every metric: its name, its labels, its meaning.
//!
//! To add one, add a constant for the name, constants for labels that are new, and a line to
//! [`DEFINITIONS`]; then count with the macros of the `metrics` crate:
//! `metrics::counter!(INBOUND_MESSAGES, KIND => "text").increment(1)`. A label value comes from a short
//! closed list (a state, a route template): never a name, an address, a phone number or a JID. The exception
//! are the few series of single instances that an operator asks for, see [`super::tally`].

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Error;

/// Instances of this node, by [`STATE`].
pub const INSTANCES: &str = "waggle_instances";
/// Messages sent, by [`KIND`] and [`OUTCOME`].
pub const SENDS: &str = "waggle_sends_total";
/// Time from a send request to WhatsApp's acknowledgement, by [`KIND`].
pub const SEND_DURATION: &str = "waggle_send_duration_seconds";
/// Messages received and committed.
pub const INBOUND_MESSAGES: &str = "waggle_inbound_messages_total";
/// Webhook requests, by [`OUTCOME`].
pub const WEBHOOK_ATTEMPTS: &str = "waggle_webhook_attempts_total";
/// Time of a webhook request, by [`OUTCOME`].
pub const WEBHOOK_DURATION: &str = "waggle_webhook_attempt_duration_seconds";
/// Events that a sink has yet to take, by [`SINK`].
pub const OUTBOX_DEPTH: &str = "waggle_outbox_depth";
/// Age of the oldest event that a sink has yet to take, by [`SINK`].
pub const OUTBOX_LAG: &str = "waggle_outbox_lag_seconds";
/// Time from an event to the moment a sink has taken it, by [`SINK`].
pub const SINK_LATENCY: &str = "waggle_sink_latency_seconds";
/// Events that a sink has not taken when they were offered, by [`SINK`].
pub const SINK_FAILURES: &str = "waggle_sink_failures_total";
/// Deliveries given up, by [`SINK`].
pub const DEAD_LETTERS: &str = "waggle_dead_letters_total";
/// Connections to WhatsApp opened again, by [`REASON`].
pub const RECONNECTS: &str = "waggle_reconnects_total";
/// Pairings begun.
pub const PAIRINGS_STARTED: &str = "waggle_pairings_started_total";
/// Pairings that ended with a connected phone.
pub const PAIRINGS_COMPLETED: &str = "waggle_pairings_completed_total";
/// Requests answered, by [`ROUTE`], [`METHOD`] and [`STATUS`].
pub const HTTP_REQUESTS: &str = "waggle_http_requests_total";
/// Time to answer a request, by [`ROUTE`] and [`METHOD`].
pub const HTTP_DURATION: &str = "waggle_http_request_duration_seconds";
/// Units of work in one commit of the database's writer.
pub const COMMIT_BATCH_SIZE: &str = "waggle_commit_batch_size";
/// Time of one commit of the database's writer.
pub const COMMIT_DURATION: &str = "waggle_commit_duration_seconds";
/// Ephemeral events that nobody could take in time, by [`SINK`].
pub const DROPPED_EVENTS: &str = "waggle_dropped_events_total";
/// Nodes of the client name that are alive, by [`STATE`].
pub const CLUSTER_NODES: &str = "waggle_cluster_nodes";
/// Time since the last sign of life that reached Redis.
pub const HEARTBEAT_AGE: &str = "waggle_heartbeat_age_seconds";
/// Instances claimed, by [`REASON`].
pub const CLAIMS: &str = "waggle_claims_total";
/// Instances given up, by [`REASON`].
pub const RELEASES: &str = "waggle_releases_total";
/// Writes and connections refused because the instance has a newer owner.
pub const FENCE_REJECTIONS: &str = "waggle_fence_rejections_total";
/// Instances of the client name without a live owner.
pub const UNOWNED_INSTANCES: &str = "waggle_unowned_instances";
/// Connections to the database, by [`STATE`].
pub const DATABASE_CONNECTIONS: &str = "waggle_database_connections";
/// Messages that could not be decrypted; WhatsApp is asked for them again.
pub const DECRYPT_FAILURES: &str = "waggle_decrypt_failures_total";
/// Requests passed on to another node, by [`OUTCOME`].
pub const FORWARDS: &str = "waggle_forwards_total";
/// 1 while there is a connection to RabbitMQ.
pub const RABBITMQ_CONNECTED: &str = "waggle_rabbitmq_connected";
/// Events that RabbitMQ has taken, by [`SINK`].
pub const RELAY_PUBLISHED: &str = "waggle_relay_published_total";
/// Endpoints that failed several times in a row and are only probed, by [`DELIVERY`].
pub const WEBHOOK_CIRCUITS_OPEN: &str = "waggle_webhook_circuits_open";
/// Messages sent, of one [`INSTANCE`].
pub const INSTANCE_SENT: &str = "waggle_instance_sent_total";
/// Messages received and committed, of one [`INSTANCE`].
pub const INSTANCE_RECEIVED: &str = "waggle_instance_received_total";
/// Messages that could not be sent, of one [`INSTANCE`].
pub const INSTANCE_FAILED: &str = "waggle_instance_failed_total";
/// Connections to WhatsApp opened again, of one [`INSTANCE`].
pub const INSTANCE_RECONNECTS: &str = "waggle_instance_reconnects_total";
/// Webhook requests of this node that were not taken, of one [`INSTANCE`].
pub const INSTANCE_WEBHOOK_FAILURES: &str = "waggle_instance_webhook_failures_total";
/// 1 while an [`INSTANCE`] is open.
pub const INSTANCE_CONNECTED: &str = "waggle_instance_connected";
/// 1 in a build that talks to a simulated WhatsApp only.
pub const SIMULATOR_BUILD: &str = "waggle_simulator_build";

/// Label: state of an instance.
pub const STATE: &str = "state";
/// Label: kind of a message.
pub const KIND: &str = "kind";
/// Files of messages that were to be kept, by [`OUTCOME`].
pub const MEDIA_FILES: &str = "waggle_media_files_total";
/// Bytes that went to the store of files.
pub const MEDIA_BYTES: &str = "waggle_media_bytes_total";
/// Files of the client name that are not in the store yet.
pub const MEDIA_PENDING: &str = "waggle_media_pending";
/// Label: how something ended.
pub const OUTCOME: &str = "outcome";
/// Label: sink of events.
pub const SINK: &str = "sink";
/// Label: why something happened.
pub const REASON: &str = "reason";
/// Label: template of a route, such as `/message/sendText/{instance}`.
pub const ROUTE: &str = "route";
/// Label: HTTP method.
pub const METHOD: &str = "method";
/// Label: who delivers, `node` or `queue`.
pub const DELIVERY: &str = "delivery";
/// Label: name of an instance; only on the series that [`super::tally`] keeps few.
pub const INSTANCE: &str = "instance";
/// Label: HTTP status.
pub const STATUS: &str = "status";

/// What kind of metric a [`Definition`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Spread of values.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What kind it is of.
    pub kind: Type,
    /// Unit of its values.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Definition {
    Definition { name, kind: Type::Counter, unit: Unit::Count, labels, help }
}

const fn level(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Definition {
    Definition { name, kind: Type::Gauge, unit, labels, help }
}

const fn spread(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Definition {
    Definition { name, kind: Type::Histogram, unit, labels, help }
}

/// Every metric of Waggle.
pub const DEFINITIONS: &[Definition] = &[
    level(INSTANCES, Unit::Count, &[STATE], "Instances of this node by state"),
    counter(SENDS, &[KIND, OUTCOME], "Messages sent by kind and outcome"),
    spread(SEND_DURATION, Unit::Seconds, &[KIND], "Time from a send request to WhatsApp's acknowledgement"),
    counter(INBOUND_MESSAGES, &[], "Messages received and committed"),
    counter(WEBHOOK_ATTEMPTS, &[OUTCOME], "Webhook requests by outcome"),
    spread(WEBHOOK_DURATION, Unit::Seconds, &[OUTCOME], "Time of a webhook request"),
    level(OUTBOX_DEPTH, Unit::Count, &[SINK], "Events that a sink has yet to take"),
    level(OUTBOX_LAG, Unit::Seconds, &[SINK], "Age of the oldest event that a sink has yet to take"),
    spread(SINK_LATENCY, Unit::Seconds, &[SINK], "Time from an event to the moment a sink has taken it"),
    counter(SINK_FAILURES, &[SINK], "Events that a sink has not taken when they were offered"),
    counter(DEAD_LETTERS, &[SINK], "Deliveries given up"),
    counter(RECONNECTS, &[REASON], "Connections to WhatsApp opened again by reason"),
    counter(PAIRINGS_STARTED, &[], "Pairings begun"),
    counter(PAIRINGS_COMPLETED, &[], "Pairings that ended with a connected phone"),
    counter(HTTP_REQUESTS, &[ROUTE, METHOD, STATUS], "Requests answered by route, method and status"),
    spread(HTTP_DURATION, Unit::Seconds, &[ROUTE, METHOD], "Time to answer a request"),
    spread(COMMIT_BATCH_SIZE, Unit::Count, &[], "Units of work in one commit"),
    spread(COMMIT_DURATION, Unit::Seconds, &[], "Time of one commit"),
    counter(DROPPED_EVENTS, &[SINK], "Ephemeral events that nobody could take in time"),
    level(CLUSTER_NODES, Unit::Count, &[STATE], "Nodes of the client name that are alive by state"),
    level(HEARTBEAT_AGE, Unit::Seconds, &[], "Time since the last sign of life that reached Redis"),
    counter(CLAIMS, &[REASON], "Instances claimed by reason"),
    counter(RELEASES, &[REASON], "Instances given up by reason"),
    counter(FENCE_REJECTIONS, &[], "Writes and connections refused because the instance has a newer owner"),
    level(UNOWNED_INSTANCES, Unit::Count, &[], "Instances of the client name without a live owner"),
    level(DATABASE_CONNECTIONS, Unit::Count, &[STATE], "Connections to the database by state"),
    counter(DECRYPT_FAILURES, &[], "Messages that could not be decrypted"),
    counter(FORWARDS, &[OUTCOME], "Requests passed on to another node by outcome"),
    level(RABBITMQ_CONNECTED, Unit::Count, &[], "1 while there is a connection to RabbitMQ"),
    counter(RELAY_PUBLISHED, &[SINK], "Events that RabbitMQ has taken by sink"),
    level(
        WEBHOOK_CIRCUITS_OPEN,
        Unit::Count,
        &[DELIVERY],
        "Endpoints that failed several times in a row and are only probed",
    ),
    counter(MEDIA_FILES, &[OUTCOME], "Files of messages that were to be kept, by outcome"),
    Definition { unit: Unit::Bytes, ..counter(MEDIA_BYTES, &[], "Bytes that went to the store of files") },
    level(MEDIA_PENDING, Unit::Count, &[], "Files of the client name that are not in the store yet"),
    counter(INSTANCE_SENT, &[INSTANCE], "Messages sent, by instance"),
    counter(INSTANCE_RECEIVED, &[INSTANCE], "Messages received, by instance"),
    counter(INSTANCE_FAILED, &[INSTANCE], "Messages that could not be sent, by instance"),
    counter(INSTANCE_RECONNECTS, &[INSTANCE], "Connections to WhatsApp opened again, by instance"),
    counter(INSTANCE_WEBHOOK_FAILURES, &[INSTANCE], "Webhook requests that were not taken, by instance"),
    level(INSTANCE_CONNECTED, Unit::Count, &[INSTANCE], "1 while an instance is open"),
    level(SIMULATOR_BUILD, Unit::Count, &[], "1 in a build that talks to a simulated WhatsApp only"),
];

/// Upper bounds of duration buckets, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds of batch size buckets.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Tells the recorder what every metric means.
pub fn describe() {
    for Definition { name, kind, unit, help, .. } in DEFINITIONS {
        match kind {
            Type::Counter => describe_counter!(*name, *unit, *help),
            Type::Gauge => describe_gauge!(*name, *unit, *help),
            Type::Histogram => describe_histogram!(*name, *unit, *help),
        }
    }
}

/// Renders what was counted, for the metrics page.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
}

impl Exporter {
    /// Everything counted so far, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds recent values of histograms together. Call it every few seconds, or memory grows between two
    /// visits to the metrics page.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Counts from now on, for the whole process.
///
/// # Errors
///
/// [`Error::MetricsTaken`] when it was called before.
pub fn install() -> Result<Exporter, Error> {
    let recorder = builder()?.build_recorder();
    let exporter = Exporter { handle: recorder.handle() };
    metrics::set_global_recorder(recorder).map_err(|_| Error::MetricsTaken)?;
    start();
    Ok(exporter)
}

fn builder() -> Result<PrometheusBuilder, Error> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Full(COMMIT_BATCH_SIZE.to_owned()), SIZES)?;
    Ok(builder)
}

/// Counters without labels begin at zero, so that their first increase is one.
fn start() {
    describe();
    for definition in DEFINITIONS.iter().filter(|one| one.kind == Type::Counter && one.labels.is_empty()) {
        metrics::counter!(definition.name).absolute(0);
    }
    gauge!(SIMULATOR_BUILD).set(if cfg!(feature = "simulator") { 1.0 } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for (position, definition) in DEFINITIONS.iter().enumerate() {
            let Definition { name, kind, unit, .. } = *definition;
            assert!(name.starts_with("waggle_"), "{name}");
            assert_eq!(kind == Type::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert!(DEFINITIONS[..position].iter().all(|other| other.name != name), "{name} twice");
        }
    }

    #[test]
    fn the_page_shows_what_was_counted() {
        let recorder = builder().unwrap().build_recorder();
        let exporter = Exporter { handle: recorder.handle() };
        metrics::with_local_recorder(&recorder, || {
            start();
            metrics::counter!(HTTP_REQUESTS, ROUTE => "/", METHOD => "GET", STATUS => "200").increment(2);
            metrics::histogram!(HTTP_DURATION, ROUTE => "/", METHOD => "GET").record(0.004);
            metrics::histogram!(COMMIT_BATCH_SIZE).record(3.0);
        });
        exporter.upkeep();
        let page = exporter.render();
        for line in [
            "# HELP waggle_http_requests_total Requests answered by route, method and status",
            "# TYPE waggle_http_requests_total counter",
            r#"waggle_http_requests_total{route="/",method="GET",status="200"} 2"#,
            r#"waggle_http_request_duration_seconds_bucket{route="/",method="GET",le="0.005"} 1"#,
            r#"waggle_commit_batch_size_bucket{le="4"} 1"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        let simulator = u8::from(cfg!(feature = "simulator"));
        assert!(page.contains(&format!("waggle_simulator_build {simulator}")), "{page}");
    }
}

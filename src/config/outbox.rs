//! Event outbox and delivery workers.

use std::time::Duration;

use super::reader::Reader;
use super::variable::{Group, Variable};

pub(super) const GROUP: Group = Group {
    title: "Outbox and workers",
    variables: &[
        Variable::number(
            "WAGGLE_OUTBOX_BATCH",
            "256",
            "count",
            "events that a sink takes from the outbox at once",
        ),
        Variable::number(
            "WAGGLE_OUTBOX_POLL_MS",
            "500",
            "milliseconds",
            "how often the outbox is looked at when nobody rang",
        ),
        Variable::number(
            "WAGGLE_OUTBOX_RETENTION_HOURS",
            "72",
            "hours",
            "how long an event stays for a sink that is behind; then it is a dead letter",
        ),
        Variable::number(
            "WAGGLE_WORKER_CONCURRENCY",
            "64",
            "count",
            "webhook deliveries at once on a node; one instance's are in order",
        ),
        Variable::number("WAGGLE_WORKER_QUEUE", "1024", "count", "deliveries that a worker holds in memory"),
    ],
    switches: None,
};

/// Event outbox and delivery workers.
#[derive(Debug, Clone)]
pub struct Outbox {
    /// Events that a sink takes at once, at least one.
    pub batch: usize,
    /// How often the outbox is looked at when nobody rang.
    pub poll: Duration,
    /// How long an event stays for a sink that is behind.
    pub retention: Duration,
    /// Webhook deliveries at once, at least one.
    pub worker_concurrency: usize,
    /// Deliveries that a worker holds in memory, at least one.
    pub worker_queue: usize,
}

impl Outbox {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let hours: u64 = reader.number("WAGGLE_OUTBOX_RETENTION_HOURS", 1..=87_600);
        Self {
            batch: reader.number("WAGGLE_OUTBOX_BATCH", 1..=100_000),
            poll: reader.milliseconds("WAGGLE_OUTBOX_POLL_MS", 1..=60_000),
            retention: Duration::from_secs(hours * 3_600),
            worker_concurrency: reader.number("WAGGLE_WORKER_CONCURRENCY", 1..=100_000),
            worker_queue: reader.number("WAGGLE_WORKER_QUEUE", 1..=1_000_000),
        }
    }
}

//! The worker's metrics. Labels are constants; never a URL, a phone number or a JID.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::telemetry::metrics::{
    DEAD_LETTERS, DELIVERY, OUTBOX_DEPTH, OUTBOX_LAG, OUTCOME, SINK, SINK_FAILURES, SINK_LATENCY,
    WEBHOOK_ATTEMPTS, WEBHOOK_CIRCUITS_OPEN, WEBHOOK_DURATION,
};

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Taken by the receiver.
    Delivered,
    /// Failed, to be tried again.
    Retried,
    /// Failed for good.
    Dead,
    /// Never sent: no endpoint, an unusable URL, or one that the egress guard forbids.
    Refused,
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Refused => "refused",
        }
    }
}

pub(super) fn attempted(outcome: Outcome, sink: &'static str) {
    counter!(WEBHOOK_ATTEMPTS, OUTCOME => outcome.label()).increment(1);
    if outcome != Outcome::Delivered {
        counter!(SINK_FAILURES, SINK => sink).increment(1);
    }
    if matches!(outcome, Outcome::Dead | Outcome::Refused) {
        counter!(DEAD_LETTERS, SINK => sink).increment(1);
    }
}

pub(super) fn answered_in(took: Duration, outcome: Outcome) {
    histogram!(WEBHOOK_DURATION, OUTCOME => outcome.label()).record(took.as_secs_f64());
}

/// A sink has taken an event of `time`; that and `now` are unix milliseconds.
pub(super) fn taken(sink: &'static str, time: i64, now: i64) {
    histogram!(SINK_LATENCY, SINK => sink).record(float(now.saturating_sub(time).max(0)) / 1000.0);
}

/// Endpoints that are only probed by those who deliver: a `node` from its outbox, or from a `queue`.
pub(super) fn circuits(delivery: &'static str, open: usize) {
    gauge!(WEBHOOK_CIRCUITS_OPEN, DELIVERY => delivery).set(float(i64::try_from(open).unwrap_or(i64::MAX)));
}

/// `oldest` and `now` are unix milliseconds.
pub(super) fn waiting(sink: &'static str, depth: u64, oldest: Option<i64>, now: i64) {
    gauge!(OUTBOX_DEPTH, SINK => sink).set(float(i64::try_from(depth).unwrap_or(i64::MAX)));
    let lag = oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
    gauge!(OUTBOX_LAG, SINK => sink).set(float(lag) / 1000.0);
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
const fn float(value: i64) -> f64 {
    value as f64
}

//! The worker's metrics. Labels are constants; never a URL, a phone number or a JID.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// Attempts by outcome.
const ATTEMPTS: &str = "waggle_webhook_attempts_total";
/// How long receivers took, in seconds, by outcome.
const SECONDS: &str = "waggle_webhook_seconds";
/// Rows that wait, by sink.
const DEPTH: &str = "waggle_outbox_depth";
/// Age of the oldest row that waits, by sink, in seconds.
const LAG: &str = "waggle_outbox_lag_seconds";
/// Deliveries given up, by sink.
const DEAD: &str = "waggle_dead_letters_total";

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
    counter!(ATTEMPTS, "outcome" => outcome.label()).increment(1);
    if matches!(outcome, Outcome::Dead | Outcome::Refused) {
        counter!(DEAD, "sink" => sink).increment(1);
    }
}

pub(super) fn answered_in(took: Duration, outcome: Outcome) {
    histogram!(SECONDS, "outcome" => outcome.label()).record(took.as_secs_f64());
}

/// `oldest` and `now` are unix milliseconds.
pub(super) fn waiting(sink: &'static str, depth: u64, oldest: Option<i64>, now: i64) {
    gauge!(DEPTH, "sink" => sink).set(float(i64::try_from(depth).unwrap_or(i64::MAX)));
    let lag = oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
    gauge!(LAG, "sink" => sink).set(float(lag) / 1000.0);
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
const fn float(value: i64) -> f64 {
    value as f64
}

//! When a sender sends.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Longest time between two messages of a sender.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How fast, and how long or how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Messages per second of all senders together; `None` is as fast as each is answered.
    pub rate: Option<f64>,
    /// When it is over, even if not everything was sent.
    pub time: Option<Duration>,
    /// How many messages there are for all senders together.
    pub count: Option<u64>,
}

impl Plan {
    /// A rate for some time. Every message of that time is sent, late if need be.
    pub fn steady(rate: f64, time: Duration) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
        let count = (rate * time.as_secs_f64()).round() as u64;
        Self { rate: Some(rate), time: None, count: Some(count) }
    }

    /// A rate for some time, and not longer.
    pub fn limited(rate: f64, time: Duration) -> Self {
        Self { rate: Some(rate), time: Some(time), count: None }
    }

    /// A number of messages, as fast as they are answered.
    pub fn burst(count: u64) -> Self {
        Self { rate: None, time: None, count: Some(count) }
    }

    /// As fast as they are answered, for some time.
    pub fn flood(time: Duration) -> Self {
        Self { rate: None, time: Some(time), count: None }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        // No number is no rate either.
        self.count == Some(0) || self.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0)
    }

    /// The part of one of several senders. Their messages are spread evenly over the time.
    pub fn share(&self, sender: usize, senders: usize, started: Instant) -> Schedule {
        let (nth, all) = (sender as u64, senders.max(1) as u64);
        let count = self.count.map(|count| count / all + u64::from(nth < count % all));
        let interval = self
            .rate
            .map(|rate| Duration::try_from_secs_f64(all as f64 / rate).unwrap_or(LONGEST).min(LONGEST));
        let offset = interval.map_or(Duration::ZERO, |interval| interval.mul_f64(nth as f64 / all as f64));
        Schedule { interval, due: started + offset, end: self.time.map(|time| started + time), left: count }
    }
}

/// The messages of one sender.
#[derive(Debug)]
pub struct Schedule {
    interval: Option<Duration>,
    due: Instant,
    end: Option<Instant>,
    left: Option<u64>,
}

impl Schedule {
    /// Waits until the next message is due, and answers since when it is: in the past when the sender is
    /// behind. `None` at the end, or when the run is stopped.
    pub async fn next(&mut self, stop: &CancellationToken) -> Option<Instant> {
        if self.left == Some(0) || stop.is_cancelled() {
            return None;
        }
        let now = Instant::now();
        let since = match self.interval {
            None => now,
            Some(interval) => {
                let due = self.due;
                self.due += interval;
                if due > now {
                    tokio::select! {
                        () = tokio::time::sleep_until(due.into()) => {}
                        () = stop.cancelled() => return None,
                    }
                    // The timer's own delay is none of the node's.
                    Instant::now()
                } else {
                    due
                }
            }
        };
        if self.end.is_some_and(|end| since >= end || Instant::now() >= end) {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some(since)
    }
}

//! Latencies and their quantiles.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// Latencies of one kind, over several times. Constant in size.
#[derive(Debug)]
pub struct Recorder(Mutex<[Histogram<u64>; 3]>);

/// Indices of the times.
const WHOLE: usize = 0;
const PHASE: usize = 1;
const RECENT: usize = 2;

impl Default for Recorder {
    fn default() -> Self {
        Self(Mutex::new([empty(), empty(), empty()]))
    }
}

#[expect(clippy::expect_used, reason = "the bounds are constants that the library accepts")]
fn empty() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, DIGITS).expect("bounds of a histogram")
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, [Histogram<u64>; 3]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a latency.
    pub fn record(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST);
        self.lock().iter_mut().for_each(|histogram| histogram.saturating_record(micros));
    }

    /// The whole run.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles::of(&self.lock()[WHOLE])
    }

    /// Since the last call of this.
    pub fn take_phase(&self) -> Quantiles {
        self.take(PHASE)
    }

    /// Since the last call of this, which is the sampler's.
    pub(super) fn take_recent(&self) -> Quantiles {
        self.take(RECENT)
    }

    fn take(&self, time: usize) -> Quantiles {
        let histogram = &mut self.lock()[time];
        let quantiles = Quantiles::of(histogram);
        histogram.reset();
        quantiles
    }
}

/// Quantiles in milliseconds; zeroes when there is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantiles {
    /// How many latencies there are.
    pub count: u64,
    /// Half of them are not longer.
    pub p50: f64,
    /// 90 % of them are not longer.
    pub p90: f64,
    /// 99 % of them are not longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |share: f64| histogram.value_at_quantile(share) as f64 / 1000.0;
        match histogram.len() {
            0 => Self::default(),
            count => Self { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) },
        }
    }
}

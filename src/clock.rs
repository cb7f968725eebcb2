//! Owns wall time: everyone else asks a [`Clock`], so that tests can set it.
//!
//! Must not know what the time is used for. Durations and deadlines are tokio's, which tests can pause; this
//! is for the time of day that goes into rows, events and signatures.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};

/// Wall time. Shared as `Arc<dyn Clock>`.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// Milliseconds since the start of 1970, UTC.
    fn now_ms(&self) -> i64;

    /// Whole seconds since the start of 1970, UTC.
    fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    /// Now as RFC 3339 with milliseconds and `Z`, such as `2026-01-31T12:00:00.000Z`.
    fn now_rfc3339(&self) -> String {
        rfc3339(self.now_ms())
    }
}

/// A time as RFC 3339 with milliseconds and `Z`. Times beyond the calendar are cut to its ends.
pub fn rfc3339(unix_ms: i64) -> String {
    let end = if unix_ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(unix_ms).unwrap_or(end).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The clock of the machine, ready to be shared.
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now_ms(&self) -> i64 {
        Utc::now().timestamp_millis()
    }
}

/// A clock that stands still until a test moves it. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    unix_ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows this many milliseconds since the start of 1970.
    pub fn at(unix_ms: i64) -> Self {
        Self { unix_ms: Arc::new(AtomicI64::new(unix_ms)) }
    }

    /// Sets the time.
    pub fn set(&self, unix_ms: i64) {
        self.unix_ms.store(unix_ms, Ordering::SeqCst);
    }

    /// Moves the time; a negative number of milliseconds moves it back.
    pub fn advance(&self, milliseconds: i64) {
        self.unix_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// The same clock, ready to be shared.
    pub fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.unix_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_767_225_600_007), "2026-01-01T00:00:00.007Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert!(!rfc3339(i64::MAX).is_empty() && !rfc3339(i64::MIN).is_empty());
    }

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = ManualClock::at(1_500);
        let shared = clock.shared();
        clock.advance(-1_501);
        assert_eq!((shared.now_ms(), shared.now_seconds()), (-1, -1));
        clock.set(2_000);
        assert_eq!(shared.now_seconds(), 2);
        assert_eq!(shared.now_rfc3339(), "1970-01-01T00:00:02.000Z");
    }

    #[test]
    fn the_machines_clock_is_past_2026() {
        assert!(SystemClock::shared().now_ms() > 1_767_225_600_000);
    }
}

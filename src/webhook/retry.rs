//! When a failed delivery is tried again. Pure: time and randomness are handed in.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;

/// The rules, with the meaning of Evolution API's `WEBHOOK_RETRY_*`.
#[derive(Clone, PartialEq, Debug)]
pub struct Retry {
    /// Tries in all; 0 is 1.
    pub max_attempts: u32,
    /// Wait after the first failure.
    pub initial_delay: Duration,
    /// Double the wait after every failure.
    pub exponential: bool,
    /// Longest wait, jitter and the receiver's own wish included.
    pub max_delay: Duration,
    /// Random share of a wait, up or down; from 0 to 1.
    pub jitter: f64,
    /// Statuses that end a delivery at once.
    pub fatal_statuses: BTreeSet<u16>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            initial_delay: Duration::from_secs(5),
            exponential: true,
            max_delay: Duration::from_secs(300),
            jitter: 0.2,
            fatal_statuses: BTreeSet::from([400, 401, 403, 404, 422]),
        }
    }
}

/// What follows a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Try again after this long.
    Again(Duration),
    /// Never.
    GiveUp,
}

impl Retry {
    /// Decides after the `failed`th failed attempt (from 1). `status` is the receiver's answer if
    /// there was one, `wish` its `Retry-After`, `random` is from 0 to 1.
    #[must_use]
    pub fn after(&self, failed: u32, status: Option<u16>, wish: Option<Duration>, random: f64) -> Decision {
        let fatal = status.is_some_and(|status| self.fatal_statuses.contains(&status));
        if fatal || failed >= self.max_attempts.max(1) {
            return Decision::GiveUp;
        }
        Decision::Again(self.delay(failed, random).max(wish.unwrap_or_default()).min(self.max_delay))
    }

    /// The wait of the schedule alone, not above the longest.
    fn delay(&self, failed: u32, random: f64) -> Duration {
        let doublings = if self.exponential { failed.saturating_sub(1).min(63) } else { 0 };
        let factor = 2_f64.powi(i32::try_from(doublings).unwrap_or(63));
        let longest = self.max_delay.as_secs_f64();
        let plain = (self.initial_delay.as_secs_f64() * factor).min(longest);
        let random = if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.5 };
        let jitter = if self.jitter.is_finite() { self.jitter.clamp(0.0, 1.0) } else { 0.0 };
        let spread = plain * jitter * (random * 2.0 - 1.0);
        Duration::try_from_secs_f64((plain + spread).clamp(0.0, longest)).unwrap_or(self.max_delay)
    }
}

/// Reads a `Retry-After`: seconds or an HTTP date, which is measured from `now` (unix
/// milliseconds). A date that has passed is no wait.
#[must_use]
pub fn retry_after(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    Some(Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(decision: Decision) -> f64 {
        match decision {
            Decision::Again(delay) => delay.as_secs_f64(),
            Decision::GiveUp => f64::NAN,
        }
    }

    #[test]
    fn the_default_schedule_doubles_to_the_cap_and_ends() {
        let retry = Retry { jitter: 0.0, ..Retry::default() };
        let waits: Vec<f64> = (1..10).map(|n| seconds(retry.after(n, Some(500), None, 0.9))).collect();
        assert_eq!(waits, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]);
        assert_eq!(retry.after(10, Some(500), None, 0.5), Decision::GiveUp);
        let flat = Retry { exponential: false, ..retry };
        assert_eq!(seconds(flat.after(7, None, None, 0.5)), 5.0);
    }

    #[test]
    fn jitter_moves_a_wait_by_its_share() {
        let retry = Retry::default();
        assert_eq!(seconds(retry.after(2, None, None, 0.0)), 8.0);
        assert_eq!(seconds(retry.after(2, None, None, 1.0)), 12.0);
    }

    #[test]
    fn fatal_statuses_end_at_once() {
        for status in [400, 401, 403, 404, 422] {
            assert_eq!(Retry::default().after(1, Some(status), None, 0.5), Decision::GiveUp);
        }
        assert_ne!(Retry::default().after(1, Some(429), None, 0.5), Decision::GiveUp);
        let once = Retry { max_attempts: 0, ..Retry::default() };
        assert_eq!(once.after(1, None, None, 0.5), Decision::GiveUp);
    }

    #[test]
    fn the_receiver_may_ask_for_more_but_not_for_ever() {
        let retry = Retry { jitter: 0.0, ..Retry::default() };
        let wish = |text| retry_after(text, 784_111_777_000 - 42_000);
        assert_eq!(seconds(retry.after(1, Some(429), wish("60"), 0.5)), 60.0);
        assert_eq!(seconds(retry.after(1, Some(429), wish("1"), 0.5)), 5.0);
        assert_eq!(seconds(retry.after(1, Some(503), wish("86400"), 0.5)), 300.0);
        assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(42)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", i64::MAX), Some(Duration::ZERO));
        assert_eq!((wish("soon"), wish("-1"), wish("")), (None, None, None));
    }

    proptest! {
        #[test]
        fn waits_stay_between_zero_and_the_cap(
            failed in 0_u32..u32::MAX, initial in 0_u64..1 << 40, longest in 0_u64..1 << 40,
            jitter in -1.0_f64..3.0, random in -1.0_f64..2.0, wish in proptest::option::of(any::<u64>()),
            exponential: bool,
        ) {
            let retry = Retry {
                max_attempts: u32::MAX,
                initial_delay: Duration::from_secs(initial),
                max_delay: Duration::from_secs(longest),
                jitter, exponential, ..Retry::default()
            };
            match retry.after(failed, None, wish.map(Duration::from_secs), random) {
                Decision::Again(delay) => prop_assert!(delay <= retry.max_delay),
                Decision::GiveUp => prop_assert!(failed == u32::MAX),
            }
        }

        #[test]
        fn without_jitter_waits_never_shrink(failed in 1_u32..200) {
            let retry = Retry { jitter: 0.0, max_attempts: 1_000, ..Retry::default() };
            let (this, next) = (retry.after(failed, None, None, 0.3), retry.after(failed + 1, None, None, 0.7));
            prop_assert!(seconds(this) <= seconds(next));
        }

        #[test]
        fn every_delivery_ends(max in 0_u32..50, status in proptest::option::of(100_u16..600)) {
            let retry = Retry { max_attempts: max, ..Retry::default() };
            prop_assert_eq!(retry.after(max.max(1), status, None, 0.5), Decision::GiveUp);
        }

        #[test]
        fn reading_a_wish_never_panics(text in ".*", now: i64) {
            let _ = retry_after(&text, now);
        }
    }
}

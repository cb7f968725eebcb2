//! A token bucket per instance.

use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::config::limits::Rate;
use crate::domain::InstanceId;

/// Buckets that are kept at most before full ones are dropped; a full bucket is as good as none.
const KEPT: usize = 50_000;

/// How much one instance has left.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refilled(self, rate: Rate, now: Instant) -> Self {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(rate.per_second);
        Self { tokens: (self.tokens + earned).min(f64::from(rate.burst)), at: now }
    }
}

/// The token buckets of every instance of this node.
pub struct Rates {
    rate: Option<Rate>,
    buckets: DashMap<InstanceId, Bucket>,
}

impl Rates {
    /// Buckets that fill at a rate; `None` is unlimited.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, buckets: DashMap::new() }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn charge(&self, instance: InstanceId) -> Result<(), Duration> {
        self.charge_at(instance, Instant::now())
    }

    fn charge_at(&self, instance: InstanceId, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        if self.buckets.len() >= KEPT {
            self.buckets.retain(|_, bucket| bucket.refilled(rate, now).tokens < f64::from(rate.burst));
        }
        let full = Bucket { tokens: f64::from(rate.burst), at: now };
        let mut entry = self.buckets.entry(instance).or_insert(full);
        let bucket = entry.refilled(rate, now);
        let enough = bucket.tokens >= 1.0;
        *entry = Bucket { tokens: if enough { bucket.tokens - 1.0 } else { bucket.tokens }, at: now };
        if enough {
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - bucket.tokens) / f64::from(rate.per_second)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_by_itself() {
        let rates = Rates::new(Some(Rate { per_second: 2, burst: 3 }));
        let (one, other) = (InstanceId::random(), InstanceId::random());
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(rates.charge_at(one, now), Ok(()));
        }
        let wait = rates.charge_at(one, now).unwrap_err();
        assert!(wait <= Duration::from_millis(500) && wait > Duration::ZERO);
        assert_eq!(rates.charge_at(other, now), Ok(()), "one instance's use is not another's");
        let later = now + wait + Duration::from_millis(1);
        assert_eq!(rates.charge_at(one, later), Ok(()));
        assert!(rates.charge_at(one, later).is_err());
    }

    #[test]
    fn without_a_rate_nothing_is_counted() {
        let rates = Rates::new(None);
        let one = InstanceId::random();
        assert!((0..10_000).all(|_| rates.charge(one).is_ok()));
        assert!(rates.buckets.is_empty());
    }
}

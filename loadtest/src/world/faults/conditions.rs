//! Conditions of the network between the server and a device, for one device, one account or all of them.

use std::sync::atomic::{AtomicU32, Ordering};

use super::order::Fault;
use crate::world::latency::Latency;

/// One million: the unit of a probability.
const CERTAIN: u32 = 1_000_000;

/// Something that happens with a probability, or to the next ones.
#[derive(Default)]
pub(crate) struct Odds {
    per_million: AtomicU32,
    next: AtomicU32,
}

impl Odds {
    /// From now on it happens with `probability` (0 to 1), and certainly the `next` times.
    pub(crate) fn set(&self, probability: f64, next: u32) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a million")]
        let per_million = (probability.clamp(0.0, 1.0) * f64::from(CERTAIN)) as u32;
        self.per_million.store(per_million, Ordering::Relaxed);
        self.next.store(next, Ordering::Relaxed);
    }

    /// Probability and number; nothing when it never happens.
    fn get(&self) -> Option<(f64, u32)> {
        let (per_million, next) =
            (self.per_million.load(Ordering::Relaxed), self.next.load(Ordering::Relaxed));
        (per_million > 0 || next > 0).then(|| (f64::from(per_million) / f64::from(CERTAIN), next))
    }

    /// Whether it happens now.
    pub(crate) fn strikes(&self) -> bool {
        if self.next.load(Ordering::Relaxed) > 0 {
            let taken =
                self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_sub(1));
            if taken.is_ok() {
                return true;
            }
        }
        let per_million = self.per_million.load(Ordering::Relaxed);
        per_million > 0 && rand::random_range(0..CERTAIN) < per_million
    }
}

/// Delay and disorder of stanzas.
#[derive(Default)]
pub(crate) struct Conditions {
    /// Unset: the next wider scope decides.
    pub(crate) latency: Latency,
    /// A message is written after the one that follows it.
    pub(crate) reorder: Odds,
    /// A message is written twice.
    pub(crate) duplicate: Odds,
}

impl Conditions {
    /// What disturbs the network.
    pub(crate) fn standing(&self) -> impl Iterator<Item = Fault> {
        let latency = self.latency.get();
        let latency = latency.map(|(latency_ms, jitter_ms)| Fault::Latency { latency_ms, jitter_ms });
        let reorder = self.reorder.get();
        let reorder = reorder.map(|(probability, next)| Fault::Reorder { probability, next });
        let duplicate = self.duplicate.get();
        let duplicate = duplicate.map(|(probability, next)| Fault::Duplicate { probability, next });
        [latency, reorder, duplicate].into_iter().flatten()
    }

    /// Back to an undisturbed network.
    pub(crate) fn lift(&self) {
        self.latency.unset();
        self.reorder.set(0.0, 0);
        self.duplicate.set(0.0, 0);
    }
}

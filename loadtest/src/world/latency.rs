//! The delay of stanzas to clients.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Base delay that means "not set".
const UNSET: u64 = u64::MAX;

/// Delay in milliseconds, changeable at run time.
pub(crate) struct Latency {
    base_ms: AtomicU64,
    jitter_ms: AtomicU64,
}

impl Default for Latency {
    /// Not set.
    fn default() -> Self {
        Self::new(UNSET, 0)
    }
}

impl Latency {
    pub(crate) fn new(base_ms: u64, jitter_ms: u64) -> Self {
        Self { base_ms: AtomicU64::new(base_ms), jitter_ms: AtomicU64::new(jitter_ms) }
    }

    pub(crate) fn set(&self, base_ms: u64, jitter_ms: u64) {
        self.base_ms.store(base_ms, Ordering::Relaxed);
        self.jitter_ms.store(jitter_ms, Ordering::Relaxed);
    }

    pub(crate) fn unset(&self) {
        self.set(UNSET, 0);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.base_ms.load(Ordering::Relaxed) != UNSET
    }

    /// Base and jitter in milliseconds; nothing when not set.
    pub(crate) fn get(&self) -> Option<(u64, u64)> {
        let base = self.base_ms.load(Ordering::Relaxed);
        (base != UNSET).then(|| (base, self.jitter_ms.load(Ordering::Relaxed)))
    }

    /// When a stanza handed over now may leave; `None` is at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        let base = self.base_ms.load(Ordering::Relaxed);
        let jitter = self.jitter_ms.load(Ordering::Relaxed);
        if base == UNSET || (base == 0 && jitter == 0) {
            return None;
        }
        let delay = Duration::from_millis(base.saturating_add(rand::random_range(0..=jitter)));
        Instant::now().checked_add(delay)
    }
}

//! Leaving a store alone that is away.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// How long, in milliseconds.
const AWAY: u64 = 5_000;

/// Until when nobody troubles a store that is away, nor fetches files for it.
pub(super) struct Pause {
    began: Instant,
    /// Milliseconds since then.
    until: AtomicU64,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), until: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_on(&self) -> bool {
        self.until.load(Ordering::Relaxed) > self.now()
    }

    pub(super) fn begin(&self) {
        self.until.store(self.now() + AWAY, Ordering::Relaxed);
    }
}

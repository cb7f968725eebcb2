//! How long this node may act for its instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Leave to connect instances, until a moment of the local monotonic clock. A node that is not known
/// to be alive any more must not connect: another may have taken its instances. Cheap to clone.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    began: Instant,
    /// Milliseconds after `began`.
    until: AtomicU64,
    extended: Notify,
}

impl Lease {
    /// One that is not held yet.
    #[must_use]
    pub fn new() -> Self {
        let (until, extended) = (AtomicU64::new(0), Notify::new());
        Self(Arc::new(Inner { began: Instant::now(), until, extended }))
    }

    /// One that does not end: for a node that shares its instances with nobody.
    #[must_use]
    pub fn endless() -> Self {
        let lease = Self::new();
        lease.0.until.store(u64::MAX, Ordering::SeqCst);
        lease
    }

    /// Holds it until a moment; never shortens it.
    pub fn extend(&self, until: Instant) {
        let millis = until.saturating_duration_since(self.0.began).as_millis();
        self.0.until.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::SeqCst);
        self.0.extended.notify_waiters();
    }

    /// Gives it up at once.
    pub fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        let elapsed = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.0.until.load(Ordering::SeqCst).saturating_sub(elapsed))
    }

    /// Whether it is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.left().is_zero()
    }

    /// Waits until it is held.
    pub async fn held(&self) {
        loop {
            let extended = self.0.extended.notified();
            if self.is_held() {
                return;
            }
            extended.await;
        }
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_by_itself_and_is_waited_for() {
        let (lease, long) = (Lease::new(), Duration::from_secs(60));
        assert!(!lease.is_held() && Lease::endless().is_held());
        lease.extend(Instant::now() + Duration::from_millis(30));
        assert!(lease.is_held());
        while lease.is_held() {
            tokio::task::yield_now().await;
        }
        tokio::join!(lease.held(), async { lease.extend(Instant::now() + long) });
        lease.extend(Instant::now());
        assert!(lease.left() > long / 2, "it is never shortened");
        lease.end();
        assert!(!lease.is_held());
    }
}

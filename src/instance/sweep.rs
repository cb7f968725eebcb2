//! What is done from time to time: deleting instances that stay closed, purging what deleted ones
//! left behind.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::handle::Handle;
use super::registry::Registry;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(30);

impl Registry {
    /// Runs until the token is cancelled.
    pub async fn sweep(self, shutdown: CancellationToken) {
        loop {
            self.sweep_once().await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    async fn sweep_once(&self) {
        if let Some(limit) = self.0.options.delete_closed_after {
            let (now, limit) =
                (self.0.deps.clock.now_ms(), i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
            let never_too = self.0.options.delete_never_connected;
            let overdue = |handle: &Handle| {
                handle.closed_for(now).is_some_and(|ms| ms > limit)
                    && (never_too || handle.view().owner.is_some())
            };
            for handle in self.all().into_iter().filter(overdue) {
                tracing::info!(instance = %handle.name(), "deleted, because it was closed for too long");
                if let Err(error) = self.delete(&handle).await {
                    tracing::warn!(instance = %handle.name(), %error, "an instance could not be deleted");
                }
            }
        }
        if let Err(error) = self.purge().await {
            tracing::warn!(%error, "rows of deleted instances could not be purged");
        }
    }
}

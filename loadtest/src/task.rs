//! The only place of this crate that starts tasks, so that shutdown can wait for all of them.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tracks the tasks of one simulator and tells them to stop.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts `future`; [`Tasks::shutdown`] waits for its end.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        start(self.tracker.track_future(future));
    }

    /// The token every long-running task selects on.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Signals the stop and waits until every task has ended.
    pub(crate) async fn shutdown(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator has no actix workers; `Tasks` waits for its tasks"
)]
pub(crate) fn start(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

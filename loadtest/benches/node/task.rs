//! The only place of the benchmark that starts tasks.

use tokio::task::JoinHandle;

/// Starts a task. Nothing waits for the tasks of a benchmark but who needs their outcome.
#[expect(clippy::disallowed_methods, reason = "a benchmark has no HTTP workers and no graceful shutdown")]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(future)
}

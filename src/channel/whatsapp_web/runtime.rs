//! Where the protocol library's tasks run. Its own runtime spawns on the *current* one; a call
//! that comes from an HTTP handler would leave tasks on a worker that dies with the HTTP server.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use wacore::runtime::{AbortHandle, Runtime};

/// Runs everything on the runtime it was built with.
#[derive(Clone, Debug)]
pub struct MainRuntime {
    handle: Handle,
}

impl MainRuntime {
    /// Takes the main runtime; it must have several threads, since the library never yields.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

#[async_trait]
impl Runtime for MainRuntime {
    fn spawn(&self, future: Task) -> AbortHandle {
        let task = self.handle.spawn(future).abort_handle();
        AbortHandle::new(move || task.abort())
    }

    fn spawn_detached(&self, future: Task) {
        self.handle.spawn(future);
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        // A timer belongs to the runtime that is current when it is made.
        let _main = self.handle.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn_blocking(
        &self,
        work: Box<dyn FnOnce() + Send + 'static>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let task = self.handle.spawn_blocking(work);
        Box::pin(async move {
            // A panic in the work shows as its missing result, which the caller reports.
            let _ = task.await;
        })
    }

    fn yield_now(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_timers_land_on_the_given_runtime() {
        let main =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let worker = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let runtime = MainRuntime::new(main.handle().clone());
        let (tell, told) = tokio::sync::oneshot::channel();
        worker.block_on(async {
            let inner = runtime.clone();
            runtime.spawn_detached(Box::pin(async move {
                inner.sleep(Duration::from_millis(20)).await;
                let _ = tell.send(Handle::current().id());
            }));
            // The worker has no timer of its own, so this would panic on it.
            runtime.sleep(Duration::from_millis(1)).await;
        });
        drop(worker);
        assert_eq!(main.block_on(told).unwrap(), main.handle().id());
    }
}

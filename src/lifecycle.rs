//! Owns the life of the process: the only spawn, the tokens that tasks watch, signals, the order of a
//! shutdown, and the exit code.
//!
//! Must not know what the tasks and closers do. To add a step to the shutdown, register a closer with
//! [`Lifecycle::on_shutdown`] in the phase where it belongs.
//!
//! A first signal is *soft*: no new work, finish what runs. A second signal, or the drain deadline, is *hard*:
//! stop now. Cancelling hard cancels soft too. A task that must outlive soft, such as a writer that others
//! still feed while they drain, watches the token of its [`Phase`] or is stopped by a closer.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long tasks get to notice a hard stop.
const HARD_GRACE: Duration = Duration::from_secs(2);

/// The steps of a shutdown, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Answer "not ready" and leave the membership, so that nothing new arrives.
    Intake,
    /// Let work on instances finish, flush them and hand them over.
    Instances,
    /// Stop answering requests.
    Http,
    /// Stop relays and delivery workers.
    Events,
    /// Commit what is left and close connections.
    Database,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 5] = [Self::Intake, Self::Instances, Self::Http, Self::Events, Self::Database];
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything finished in time.
    Clean,
    /// A critical task ended or panicked.
    Failed,
    /// The deadline or a second signal cut work off.
    Forced,
}

impl From<Outcome> for ExitCode {
    /// 0 for clean, 1 for failed, 2 for forced.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Clean => Self::SUCCESS,
            Outcome::Failed => Self::FAILURE,
            Outcome::Forced => Self::from(2),
        }
    }
}

/// What rooms get: spawns tasks and hands out tokens. Clones are cheap and mean the same process.
#[derive(Debug, Clone)]
pub struct Handle {
    runtime: runtime::Handle,
    tracker: TaskTracker,
    hard: CancellationToken,
    soft: CancellationToken,
    phases: [CancellationToken; Phase::ALL.len()],
    failed: Arc<AtomicBool>,
}

impl Handle {
    /// Runs a task on the main runtime, from whatever thread. Shutdown waits for it. A panic ends the task
    /// alone and is logged; its handle then yields `None`.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let span = tracing::info_span!(parent: None, "task", task = name);
        let contained = AssertUnwindSafe(task).catch_unwind().map(move |end| {
            end.inspect_err(|panic| {
                tracing::error!(task = name, panic = message(panic.as_ref()), "task panicked")
            })
            .ok()
        });
        self.tracker.spawn_on(contained.instrument(span), &self.runtime)
    }

    /// Runs a task that the process cannot do without: if it ends before a shutdown began, or panics at any
    /// time, the process shuts down and exits with failure.
    pub fn spawn_critical<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.clone();
        let span = tracing::info_span!(parent: None, "task", task = name);
        let watched = async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(()) if handle.soft.is_cancelled() => return,
                Ok(()) => tracing::error!(task = name, "critical task ended"),
                Err(panic) => {
                    tracing::error!(task = name, panic = message(panic.as_ref()), "critical task panicked");
                }
            }
            handle.fail();
        };
        self.tracker.spawn_on(watched.instrument(span), &self.runtime)
    }

    /// Cancelled when the process should finish its work and stop.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when the process must stop now. Soft is cancelled by then.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Cancelled when the shutdown reaches a phase.
    pub fn phase(&self, phase: Phase) -> CancellationToken {
        self.phases[phase as usize].clone()
    }

    /// Whether a shutdown began.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Begins a shutdown, as the first signal does.
    pub fn shutdown(&self) {
        self.soft.cancel();
    }

    /// Begins a shutdown that ends with the exit code of a failure.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
        self.soft.cancel();
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

struct Closer {
    phase: Phase,
    name: &'static str,
    close: BoxFuture<'static, ()>,
}

/// The life of the process, owned by the composition root.
pub struct Lifecycle {
    handle: Handle,
    closers: Vec<Closer>,
    drain_timeout: Duration,
}

impl Lifecycle {
    /// Begins a life. Call it on the main runtime, where all tasks will run. A drain that takes longer than
    /// `drain_timeout` is cut off.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(drain_timeout: Duration) -> Self {
        let hard = CancellationToken::new();
        let handle = Handle {
            runtime: runtime::Handle::current(),
            tracker: TaskTracker::new(),
            soft: hard.child_token(),
            phases: Phase::ALL.map(|_| hard.child_token()),
            failed: Arc::default(),
            hard,
        };
        Self { handle, closers: Vec::new(), drain_timeout }
    }

    /// A handle for a room.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Registers a step of the shutdown. Steps of one phase run at the same time; the next phase waits for
    /// all of them. Hard drops steps that still run.
    pub fn on_shutdown(
        &mut self,
        phase: Phase,
        name: &'static str,
        close: impl Future<Output = ()> + Send + 'static,
    ) {
        self.closers.push(Closer { phase, name, close: close.boxed() });
    }

    /// Waits for SIGTERM, SIGINT or a call of [`Handle::shutdown`], drains, and says how it ended.
    pub async fn wait(self) -> Outcome {
        let signals = signals(&self.handle.runtime);
        self.wait_on(signals).await
    }

    async fn wait_on(self, mut signals: mpsc::Receiver<&'static str>) -> Outcome {
        let Self { handle, closers, drain_timeout } = self;
        tokio::select! {
            () = handle.soft.cancelled() => tracing::info!("shutting down"),
            signal = next(&mut signals) => tracing::info!(signal, "shutting down"),
        }
        handle.soft.cancel();
        let forced = tokio::select! {
            () = drain(&handle, closers) => false,
            () = handle.hard.cancelled() => true,
            signal = next(&mut signals) => {
                tracing::warn!(signal, "second signal: stopping at once");
                true
            }
            () = tokio::time::sleep(drain_timeout) => {
                tracing::warn!(timeout_seconds = drain_timeout.as_secs(), "drain took too long: stopping at once");
                true
            }
        };
        handle.hard.cancel();
        if forced && timeout(HARD_GRACE, finish(&handle)).await.is_err() {
            tracing::warn!(tasks = handle.tracker.len(), "tasks did not stop");
        }
        match (handle.failed.load(Ordering::SeqCst), forced) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Forced,
            (false, false) => Outcome::Clean,
        }
    }
}

/// Runs the closers phase by phase, then waits for the tasks.
async fn drain(handle: &Handle, mut closers: Vec<Closer>) {
    for phase in Phase::ALL {
        handle.phases[phase as usize].cancel();
        let (now, later): (Vec<_>, Vec<_>) = closers.into_iter().partition(|closer| closer.phase == phase);
        closers = later;
        join_all(now.into_iter().map(|closer| run(handle, closer))).await;
    }
    finish(handle).await;
}

/// A closer that panics fails the process, but the closers after it still run.
async fn run(handle: &Handle, Closer { phase, name, close }: Closer) {
    tracing::debug!(?phase, closer = name, "closing");
    if let Err(panic) = AssertUnwindSafe(close).catch_unwind().await {
        tracing::error!(?phase, closer = name, panic = message(panic.as_ref()), "closer panicked");
        handle.fail();
    }
}

async fn finish(handle: &Handle) {
    handle.tracker.close();
    handle.tracker.wait().await;
}

/// The next signal; never, when none can come.
async fn next(signals: &mut mpsc::Receiver<&'static str>) -> &'static str {
    match signals.recv().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}

/// The signals that ask the process to stop. They are caught from the moment this returns.
fn signals(runtime: &runtime::Handle) -> mpsc::Receiver<&'static str> {
    let (sender, receiver) = mpsc::channel(2);
    let _inside = runtime.enter();
    match Signals::catch() {
        Ok(mut signals) => drop(runtime.spawn(async move {
            loop {
                tokio::select! {
                    name = signals.next() => if sender.send(name).await.is_err() { break },
                    () = sender.closed() => break,
                }
            }
        })),
        Err(error) => {
            tracing::warn!(%error, "signals cannot be caught: they end the process without a drain")
        }
    }
    receiver
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn catch() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> &'static str {
        self.0.recv().await;
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn quiet() -> mpsc::Receiver<&'static str> {
        mpsc::channel(1).1
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_tasks() {
        let lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let (soft, done) = (handle.soft(), Arc::new(AtomicBool::new(false)));
        let flag = done.clone();
        handle.spawn("worker", async move {
            soft.cancelled().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            flag.store(true, Ordering::SeqCst);
        });
        handle.shutdown();
        assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Clean);
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_alone() {
        let lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let panicked = handle.spawn("worker", async { panic!("no {}", "luck") });
        assert_eq!(panicked.await.unwrap(), None::<()>);
        assert!(!handle.is_stopping());
        assert_eq!(handle.spawn("other", async { 7 }).await.unwrap(), Some(7));
        handle.shutdown();
        assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Clean);
    }

    #[tokio::test]
    async fn a_critical_task_that_ends_or_panics_takes_the_process_down() {
        for panics in [false, true] {
            let lifecycle = Lifecycle::new(LONG);
            lifecycle.handle().spawn_critical("heart", async move { assert!(!panics, "no luck") });
            assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Failed);
        }
    }

    #[tokio::test]
    async fn a_critical_task_may_end_in_a_shutdown() {
        let lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let soft = handle.soft();
        handle.spawn_critical("heart", async move { soft.cancelled().await });
        handle.shutdown();
        assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Clean);
    }

    #[tokio::test]
    async fn phases_run_in_order_and_a_panicking_closer_stops_nothing() {
        let mut lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let order = Arc::new(Mutex::new(Vec::new()));
        for phase in Phase::ALL.into_iter().rev() {
            let (order, handle) = (order.clone(), handle.clone());
            lifecycle.on_shutdown(phase, "closer", async move {
                assert!(handle.phase(phase).is_cancelled());
                assert!(phase == Phase::Database || !handle.phase(Phase::Database).is_cancelled());
                order.lock().unwrap().push(phase);
            });
        }
        lifecycle.on_shutdown(Phase::Intake, "broken", async { panic!("no luck") });
        handle.shutdown();
        assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Failed);
        assert_eq!(*order.lock().unwrap(), Phase::ALL);
    }

    #[tokio::test]
    async fn the_first_signal_is_soft_and_the_second_hard() {
        let lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let hard = handle.hard();
        handle.spawn("stubborn", async move { hard.cancelled().await });
        let (sender, signals) = mpsc::channel(2);
        let waiting = handle.runtime.spawn(lifecycle.wait_on(signals));
        sender.send("SIGTERM").await.unwrap();
        handle.soft().cancelled().await;
        assert!(!handle.hard().is_cancelled());
        sender.send("SIGTERM").await.unwrap();
        assert_eq!(waiting.await.unwrap(), Outcome::Forced);
        assert!(handle.hard().is_cancelled());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_systems_signals_arrive() {
        let mut signals = signals(&runtime::Handle::current());
        for (flag, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
            let own = std::process::id().to_string();
            assert!(std::process::Command::new("kill").args([flag, &own]).status().unwrap().success());
            assert_eq!(timeout(LONG, next(&mut signals)).await, Ok(name));
        }
    }

    #[tokio::test]
    async fn the_deadline_is_hard() {
        let mut lifecycle = Lifecycle::new(Duration::from_millis(20));
        let handle = lifecycle.handle();
        lifecycle.on_shutdown(Phase::Instances, "stuck", std::future::pending());
        handle.shutdown();
        assert_eq!(lifecycle.wait_on(quiet()).await, Outcome::Forced);
        assert!(handle.phase(Phase::Database).is_cancelled(), "hard ends every phase");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn tasks_run_on_the_main_runtime_wherever_they_are_spawned() {
        let lifecycle = Lifecycle::new(LONG);
        let handle = lifecycle.handle();
        let main = runtime::Handle::current().id();
        let inside = move || {
            let other = runtime::Builder::new_current_thread().build().unwrap();
            let _inside = other.enter();
            handle.spawn("task", async { runtime::Handle::current().id() })
        };
        let task = tokio::task::spawn_blocking(inside).await.unwrap();
        assert_eq!(task.await.unwrap(), Some(main));
    }
}

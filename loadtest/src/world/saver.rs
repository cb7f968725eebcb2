//! Writes the state file some time after a change.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{World, persist};

/// Shortest time between a change and the write that contains it.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// A write may take at most one part in this many of the time.
const PAUSE_FACTOR: u32 = 10;

/// Saves until the simulator stops; the last save happens at shutdown.
pub(crate) async fn run(world: Arc<World>) {
    let stop = world.tasks.stop().clone();
    let mut pause = DEBOUNCE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = world.dirty.notified() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        let started = Instant::now();
        let saved = world.clone();
        match tokio::task::spawn_blocking(move || persist::save(&saved)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot write the state file"),
            Err(error) => tracing::error!(%error, "saving panicked"),
        }
        pause = DEBOUNCE.max(started.elapsed() * PAUSE_FACTOR);
    }
}

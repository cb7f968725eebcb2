//! Who is served when, of those that have files to be kept.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Deps;
use super::attempt::{Attempted, attempt};
use super::pause::Pause;
use super::removal;
use crate::db;
use crate::domain::InstanceId;
use crate::instance::Handle;

/// How often the record is looked at when nobody rings.
const LOOK: Duration = Duration::from_secs(2);
/// Files that are worked on at once on this node, and of one instance: nobody waits behind the pile of
/// somebody else.
const AT_ONCE: usize = 8;
const OF_ONE: usize = 2;
/// Rows that are read at once.
const PAGE: u64 = 32;

/// Keeps files until it is stopped.
#[must_use = "nothing is kept until it runs"]
pub struct Service {
    deps: Deps,
    turns: Arc<Semaphore>,
    /// Instances whose files are being worked on.
    busy: Arc<Mutex<HashSet<InstanceId>>>,
    pause: Arc<Pause>,
}

impl Service {
    /// A service that is not running yet.
    pub fn new(deps: Deps) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { deps, turns, busy: Arc::default(), pause: Arc::new(Pause::new()) }
    }

    /// Runs until the token is cancelled. What is under way then is dropped, and done again elsewhere.
    pub async fn run(self, stop: CancellationToken) {
        // Apart: a store that does not answer must not keep those waiting that are only noted.
        let both = async { tokio::join!(self.serve(&stop), removal::again(&self.deps)) };
        stop.run_until_cancelled(both).await;
    }

    async fn serve(&self, stop: &CancellationToken) {
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                () = self.deps.keeper.rung() => {}
                () = sleep_until(look_at) => {}
            }
            let mut due = self.deps.keeper.ringing();
            if Instant::now() >= look_at {
                due.append(&mut self.look().await);
                look_at = Instant::now() + LOOK;
            }
            due.into_iter().for_each(|instance| self.begin(instance, stop));
        }
    }

    async fn look(&self) -> BTreeSet<InstanceId> {
        let media = self.deps.database.media(&self.deps.client_name);
        match media.instances_due(self.deps.clock.now_ms()).await {
            Ok(due) => due.into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "files that are to be kept could not be looked up");
                BTreeSet::new()
            }
        }
    }

    /// Works on the files of an instance of this node, unless that is done already.
    fn begin(&self, instance: InstanceId, stop: &CancellationToken) {
        if self.pause.is_on() {
            return;
        }
        let Some(handle) = self.deps.registry.by_id(instance) else { return };
        if !self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(instance) {
            return;
        }
        let (deps, turns, busy) = (self.deps.clone(), Arc::clone(&self.turns), Arc::clone(&self.busy));
        let (stop, pause) = (stop.clone(), Arc::clone(&self.pause));
        self.deps.lifecycle.spawn("files of an instance", async move {
            let _end = End { busy, instance };
            let worked = stop.run_until_cancelled(work(&deps, &turns, &pause, &handle)).await;
            if let Some(Err(error)) = worked {
                tracing::warn!(instance = %handle.name(), %error, "files could not be kept now");
            }
        });
    }
}

/// Everything that is due now.
async fn work(deps: &Deps, turns: &Semaphore, pause: &Pause, handle: &Handle) -> Result<(), db::Error> {
    while !pause.is_on() {
        let due = handle.scope().media().due(deps.clock.now_ms(), PAGE).await?;
        if due.is_empty() {
            return Ok(());
        }
        let each = due.into_iter().map(|media| async move {
            // Waiting is fair: turns are given in the order in which they were asked for.
            let _turn = turns.acquire().await;
            if !pause.is_on() && attempt(deps, handle, &media).await? == Attempted::StoreAway {
                pause.begin();
            }
            Ok::<_, db::Error>(())
        });
        futures::stream::iter(each).buffer_unordered(OF_ONE).try_collect::<Vec<()>>().await?;
    }
    Ok(())
}

/// Says that nobody works on the files of an instance any more, however that ended.
struct End {
    busy: Arc<Mutex<HashSet<InstanceId>>>,
    instance: InstanceId,
}

impl Drop for End {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.instance);
    }
}

//! Relaxed batches without waiting, over a store that takes its time.
//!
//! Each instance has a queue. One task per busy instance applies it in order, everything that has
//! gathered as one batch; a durable batch waits in the same queue, so nothing overtakes. Reads look
//! at the queue first. An empty durable batch waits for all before it: a flush. Relaxed batches wait
//! a moment for a durable one, to share its commit: most of them follow one or precede the next.
//!
//! A store that is unavailable is tried again for a few seconds. Then what is queued is given up:
//! the durable batches in it fail, or, with none, the next durable one does; relaxed ones fail
//! until then. So the caller learns of a gap before anything is written behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dashmap::DashMap;
use futures::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::overlay::{Overlay, Queued};
use super::{Batch, Change, Durability, Error, Kind, Owner, Store};
use crate::domain::{Fence, InstanceId};

/// Waits between tries of an unavailable store.
const TRIES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// Most changes in one batch for the store.
const TOGETHER: usize = 1024;
/// Relaxed batches of one instance that are enough company for each other.
const CROWD: usize = 64;

/// Bounds of the queues of all instances together; a full one makes callers wait.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Batches.
    pub batches: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
    /// How long relaxed batches wait for a durable one.
    pub linger: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { batches: 8192, bytes: 64 << 20, linger: Duration::from_millis(20) }
    }
}

/// Starts a task on the main runtime, watched by the node's lifecycle.
pub type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// Returns from relaxed batches at once.
pub struct WriteBehind {
    shared: Arc<Shared>,
    spawn: Spawner,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

struct Shared {
    inner: Arc<dyn Store>,
    lanes: DashMap<InstanceId, Lane>,
    batches: Arc<Semaphore>,
    /// In units of [`UNIT`] bytes.
    bytes: Arc<Semaphore>,
    most_units: u32,
    most_batches: usize,
    linger: Duration,
}

const UNIT: usize = 1024;

/// The queue of one instance.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    overlay: Overlay,
    next: u64,
    /// A task is at work.
    busy: bool,
    /// Told when what waits should not wait longer.
    urgent: Arc<Notify>,
    /// A relaxed batch under this claim was lost, and nobody was told yet.
    lost: Option<(Fence, Failure)>,
}

struct Waiting {
    number: u64,
    fence: Fence,
    changes: Vec<Change>,
    /// Who waits for it to be durable.
    done: Option<oneshot::Sender<Result<(), Failure>>>,
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// What becomes of a queued batch; nobody is told of a relaxed one.
pub(super) struct Told(Option<oneshot::Receiver<Result<(), Failure>>>);

/// An error that several callers get.
#[derive(Clone)]
enum Failure {
    Fenced,
    Unavailable(String),
    Corrupt(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Fenced => Self::Fenced,
            Error::Unavailable(cause) => Self::Unavailable(cause.to_string()),
            Error::Corrupt(text) => Self::Corrupt(text),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fenced => Self::Fenced,
            Failure::Unavailable(text) => Self::Unavailable(text.into()),
            Failure::Corrupt(text) => Self::Corrupt(text),
        }
    }
}

fn stopped() -> Failure {
    Failure::Unavailable("the write-behind queue has stopped".to_owned())
}

impl WriteBehind {
    /// Queues before `inner`; `clock` tells wall time in unix milliseconds.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Store>,
        options: Options,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
        spawn: Spawner,
    ) -> Self {
        let most_units = u32::try_from(options.bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let most_batches = options.batches.max(1);
        let shared = Shared {
            inner,
            lanes: DashMap::new(),
            batches: Arc::new(Semaphore::new(most_batches)),
            bytes: Arc::new(Semaphore::new(most_units as usize)),
            most_units,
            most_batches,
            linger: options.linger,
        };
        Self { shared: Arc::new(shared), spawn, clock }
    }

    /// Waits for room, queues and makes sure that somebody works on the queue.
    pub(super) async fn queue(&self, owner: Owner, batch: Batch) -> Result<Told, Error> {
        let room = self.shared.room(&batch.changes).await?;
        let durable = batch.durability == Durability::Durable;
        let (done, told) = oneshot::channel();
        let mut lane = self.shared.lanes.entry(owner.instance).or_default();
        lane.report(owner.fence, durable)?;
        lane.next += 1;
        let number = lane.next;
        if !durable {
            lane.overlay.add(number, &batch.changes);
        }
        lane.waiting.push_back(Waiting {
            number,
            fence: owner.fence,
            changes: batch.changes,
            done: durable.then_some(done),
            _room: room,
        });
        if self.shared.hurries(&lane) {
            lane.urgent.notify_one();
        }
        let idle = !std::mem::replace(&mut lane.busy, true);
        drop(lane);
        if idle {
            let work = Work { shared: Arc::clone(&self.shared), instance: owner.instance, over: false };
            (self.spawn)(Box::pin(work.run()));
        }
        Ok(Told(durable.then_some(told)))
    }

    /// Waits until a queued batch is as durable as it asked to be.
    pub(super) async fn told(told: Told) -> Result<(), Error> {
        match told.0 {
            Some(told) => told.await.unwrap_or_else(|_| Err(stopped())).map_err(Error::from),
            None => Ok(()),
        }
    }

    fn queued(&self, owner: Owner, kind: Kind, key: &[u8]) -> Option<Option<Bytes>> {
        let queued = self.shared.lanes.get(&owner.instance)?.overlay.get(kind, key)?;
        Some(self.live(queued))
    }

    fn live(&self, queued: Queued) -> Option<Bytes> {
        queued.and_then(|(value, end)| end.is_none_or(|end| end > (self.clock)()).then_some(value))
    }
}

impl Lane {
    /// Says whether a batch may be queued after what went wrong before.
    fn report(&mut self, fence: Fence, durable: bool) -> Result<(), Error> {
        match self.lost.clone() {
            // A newer claim starts afresh.
            Some((lost, _)) if fence > lost => self.lost = None,
            Some((_, Failure::Fenced)) => return Err(Error::Fenced),
            Some((_, failure)) => {
                if durable {
                    self.lost = None;
                }
                return Err(failure.into());
            }
            None => {}
        }
        Ok(())
    }

    /// The next batches of one claim, together.
    fn take(&mut self) -> Vec<Waiting> {
        let mut taken: Vec<Waiting> = Vec::new();
        let mut changes = 0;
        while let Some(next) = self.waiting.front() {
            let fits = changes + next.changes.len() <= TOGETHER;
            if taken.first().is_some_and(|first| first.fence != next.fence || !fits) {
                break;
            }
            changes += next.changes.len();
            taken.extend(self.waiting.pop_front());
        }
        taken
    }

    fn settle(&mut self, taken: &[Waiting]) {
        let last = taken.last().map_or(0, |last| last.number);
        for waiting in taken {
            self.overlay.settle(last, &waiting.changes);
        }
    }

    /// Gives up these batches and all that wait behind them under the same claim.
    fn fail(&mut self, mut failed: Vec<Waiting>, failure: &Failure) {
        let Some(fence) = failed.first().map(|first| first.fence) else { return };
        let (same, others): (VecDeque<_>, _) = self.waiting.drain(..).partition(|next| next.fence == fence);
        self.waiting = others;
        failed.extend(same);
        self.settle(&failed);
        let mut lost = matches!(failure, Failure::Fenced);
        for waiting in failed {
            match waiting.done {
                // Told to somebody: no need to tell the next one. Nobody may be waiting any more.
                Some(done) => {
                    if done.send(Err(failure.clone())).is_ok() && !matches!(failure, Failure::Fenced) {
                        lost = false;
                    }
                }
                None => lost = true,
            }
        }
        if lost {
            self.lost = Some((fence, failure.clone()));
        }
    }
}

impl Shared {
    /// Whether what waits should be written at once: somebody waits for it, or there is much of it.
    fn hurries(&self, lane: &Lane) -> bool {
        lane.waiting.len() >= CROWD
            || lane.waiting.iter().any(|waiting| waiting.done.is_some())
            || self.batches.available_permits() < self.most_batches / 2
            || self.bytes.available_permits() < self.most_units as usize / 2
    }

    async fn room(&self, changes: &[Change]) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Error> {
        let bytes: usize = changes.iter().map(weight).sum();
        // A batch larger than all the room has it alone.
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.most_units);
        let one = Arc::clone(&self.batches).acquire_owned().await;
        let some = Arc::clone(&self.bytes).acquire_many_owned(units).await;
        one.and_then(|one| Ok((one, some?))).map_err(|_| stopped().into())
    }
}

fn weight(change: &Change) -> usize {
    match change {
        Change::Put { key, value, .. } => key.len() + value.len(),
        Change::Delete { key, .. } => key.len(),
        Change::Clear { .. } => 0,
    }
}

/// The task of a busy instance.
struct Work {
    shared: Arc<Shared>,
    instance: InstanceId,
    /// The queue was left empty; by now it may belong to the next task.
    over: bool,
}

impl Work {
    async fn run(mut self) {
        self.linger().await;
        while let Some(taken) = self.next() {
            let owner = Owner { instance: self.instance, fence: taken.first().map_or(Fence(0), |w| w.fence) };
            // In here until it is over, so that a task that is dropped half-way says so.
            let mut unfinished = Unfinished { work: &self, taken };
            let outcome = self.apply(owner, &unfinished.taken).await;
            let taken = std::mem::take(&mut unfinished.taken);
            drop(unfinished);
            let Some(mut lane) = self.shared.lanes.get_mut(&self.instance) else { break };
            match outcome {
                Ok(()) => {
                    lane.settle(&taken);
                    for done in taken.into_iter().filter_map(|waiting| waiting.done) {
                        let _ = done.send(Ok(()));
                    }
                }
                Err(failure) => lane.fail(taken, &failure),
            }
            drop(lane);
            self.linger().await;
        }
        self.over = true;
    }

    /// Waits while only relaxed batches wait, and not for long.
    async fn linger(&self) {
        let company = async {
            loop {
                let urgent = match self.shared.lanes.get(&self.instance) {
                    Some(lane) if !lane.waiting.is_empty() && !self.shared.hurries(&lane) => {
                        Arc::clone(&lane.urgent)
                    }
                    _ => return,
                };
                // Told once too often is looked at again.
                urgent.notified().await;
            }
        };
        let _ = tokio::time::timeout(self.shared.linger, company).await;
    }

    /// Takes what waits; `None` ends the task.
    fn next(&self) -> Option<Vec<Waiting>> {
        let taken = self.shared.lanes.get_mut(&self.instance)?.take();
        if !taken.is_empty() {
            return Some(taken);
        }
        // Under one lock: a batch that is queued in between finds the lane idle or gone.
        let idle = |_: &InstanceId, lane: &Lane| lane.waiting.is_empty() && lane.lost.is_none();
        if self.shared.lanes.remove_if(&self.instance, idle).is_some() {
            return None;
        }
        let mut lane = self.shared.lanes.get_mut(&self.instance)?;
        lane.busy = !lane.waiting.is_empty();
        lane.busy.then(|| lane.take())
    }

    async fn apply(&self, owner: Owner, taken: &[Waiting]) -> Result<(), Failure> {
        let changes: Vec<Change> = taken.iter().flat_map(|waiting| waiting.changes.iter().cloned()).collect();
        let batch = Batch { changes, durability: Durability::Durable };
        // The same changes again do no harm: nothing else of the instance is written in between.
        for wait in TRIES {
            match self.shared.inner.apply(owner, batch.clone()).await {
                Err(Error::Unavailable(_)) => tokio::time::sleep(wait).await,
                answer => return answer.map_err(Failure::from),
            }
        }
        self.shared.inner.apply(owner, batch).await.map_err(Failure::from)
    }
}

impl Drop for Work {
    /// When the task is dropped by its runtime nobody else works on the queue.
    fn drop(&mut self) {
        if !self.over
            && let Some(mut lane) = self.shared.lanes.get_mut(&self.instance)
        {
            lane.busy = false;
            let left = lane.take();
            lane.fail(left, &stopped());
        }
    }
}

struct Unfinished<'a> {
    work: &'a Work,
    taken: Vec<Waiting>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if !taken.is_empty()
            && let Some(mut lane) = self.work.shared.lanes.get_mut(&self.work.instance)
        {
            lane.fail(taken, &stopped());
        }
    }
}

#[async_trait]
impl Store for WriteBehind {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        match self.queued(owner, kind, key) {
            Some(known) => Ok(known),
            None => self.shared.inner.get(owner, kind, key).await,
        }
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let mut known: Vec<_> = keys.iter().map(|key| self.queued(owner, kind, key)).collect();
        let asked: Vec<usize> = (0..keys.len()).filter(|at| known[*at].is_none()).collect();
        if !asked.is_empty() {
            let unknown: Vec<_> = asked.iter().map(|at| keys[*at].clone()).collect();
            let found = self.shared.inner.get_many(owner, kind, &unknown).await?;
            for (at, value) in asked.into_iter().zip(found) {
                known[at] = Some(value);
            }
        }
        Ok(known.into_iter().map(Option::flatten).collect())
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        // The queue first: what leaves it meanwhile is in the store by the time that is read.
        let seen = self.shared.lanes.get(&owner.instance).map(|lane| lane.overlay.below(kind, prefix));
        let Some(seen) = seen else { return self.shared.inner.scan(owner, kind, prefix).await };
        let mut rows =
            if seen.cleared { Vec::new() } else { self.shared.inner.scan(owner, kind, prefix).await? };
        rows.retain(|(key, _)| !seen.changed.contains_key(key));
        rows.extend(seen.changed.into_iter().filter_map(|(key, queued)| Some((key, self.live(queued)?))));
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        Self::told(self.queue(owner, batch).await?).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        // What was queued before must not come after. Why it failed, if it did, does not matter.
        if let Err(Error::Fenced) = self.apply(owner, Batch::default()).await {
            return Err(Error::Fenced);
        }
        self.shared.inner.destroy(owner).await
    }
}

//! The writer's task: collects units, writes them together, and finds the one that spoils a batch.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;
use std::time::Duration;

use futures::FutureExt;
use metrics::{counter, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::batch::{self, Broken, Committed};
use super::queue::{Job, Observers};
use super::{Outcome, Unit, check};
use crate::db::error::Cause;
use crate::db::pools::Pools;
use crate::db::{Error, Options, OutboxRow};
use crate::telemetry::Outage;
use crate::telemetry::metrics::{COMMIT_BATCH_SIZE, COMMIT_DURATION, FENCE_REJECTIONS};

/// How long an unavailable database is tried again before the units fail.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first pause between tries; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(10);
/// Batches up to this size say that there is no crowd to wait for.
const SMALL: usize = 2;

/// The writer's side of the queue: one future that runs until it is told to stop.
#[must_use = "nothing is written until it runs"]
pub struct Task {
    queue: mpsc::Receiver<Job>,
    observers: Observers,
    pools: Pools,
    linger: Duration,
    batch: usize,
    outage: Outage,
}

type Done = oneshot::Sender<Result<Outcome, Error>>;

impl Task {
    pub(super) fn new(
        queue: mpsc::Receiver<Job>,
        observers: Observers,
        pools: Pools,
        options: &Options,
    ) -> Self {
        Self {
            queue,
            observers,
            pools,
            linger: options.linger,
            batch: options.batch.max(1),
            outage: Outage::new(),
        }
    }

    /// Writes until the token is cancelled; then takes no more units, writes those that are queued
    /// and returns. It ends too when the last [`Writer`](super::Writer) is gone.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut small = true;
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
                first = self.queue.recv() => first,
            };
            let Some(first) = first else { return };
            let jobs = self.collect(first, small).await;
            small = jobs.len() <= SMALL;
            self.commit(jobs).await;
        }
    }

    /// Takes what is queued, and waits a moment for more unless nobody else seems to be writing.
    async fn collect(&mut self, first: Job, small: bool) -> Vec<Job> {
        let mut jobs = vec![first];
        while jobs.len() < self.batch {
            let Ok(job) = self.queue.try_recv() else { break };
            jobs.push(job);
        }
        if (small && jobs.len() == 1) || self.linger.is_zero() {
            return jobs;
        }
        let end = Instant::now() + self.linger;
        while jobs.len() < self.batch {
            let Ok(Some(job)) = timeout_at(end, self.queue.recv()).await else { break };
            jobs.push(job);
        }
        jobs
    }

    async fn commit(&self, jobs: Vec<Job>) {
        let started = Instant::now();
        let mut units = Vec::with_capacity(jobs.len());
        let mut done = Vec::with_capacity(jobs.len());
        for Job { unit, done: answer } in jobs {
            match check::unit(&unit) {
                Ok(()) => {
                    units.push(unit);
                    done.push(Some(answer));
                }
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        if units.is_empty() {
            return;
        }
        histogram!(COMMIT_BATCH_SIZE).record(u32::try_from(units.len()).unwrap_or(u32::MAX));
        self.write_all(&units, &mut done).await;
        histogram!(COMMIT_DURATION).record(started.elapsed());
    }

    /// Writes the units in order. A batch that fails for its content is halved until the unit
    /// that spoils it stands alone.
    async fn write_all(&self, units: &[Unit], done: &mut [Option<Done>]) {
        let whole = 0..units.len();
        let mut ranges: Vec<Range<usize>> = vec![whole];
        while let Some(range) = ranges.pop() {
            match self.write(&units[range.clone()]).await {
                Ok(committed) => {
                    if self.outage.ends() {
                        tracing::info!("can write again");
                    }
                    self.publish(committed, &mut done[range]);
                }
                Err(error) if error.is_unavailable() => {
                    if self.outage.begins() {
                        tracing::error!(%error, cause = ?error, units = units.len() - range.start, "cannot write");
                    }
                    // Later units must not overtake these.
                    return fail(&mut done[range.start..], &error);
                }
                Err(error) if range.len() == 1 => {
                    tracing::error!(%error, cause = ?error, "a unit cannot be written");
                    fail(&mut done[range], &error);
                }
                Err(_) => {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
            }
        }
    }

    /// One transaction, tried again for a while when the database cannot be reached.
    async fn write(&self, units: &[Unit]) -> Result<Committed, Error> {
        let units: Vec<&Unit> = units.iter().collect();
        let end = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        let mut doubt: Option<Committed> = None;
        loop {
            let outcome = self.attempt(&units, &mut doubt).await;
            let Err(error) = outcome else { return outcome };
            if !error.is_unavailable() || Instant::now() + pause > end {
                return Err(error);
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(&self, units: &[&Unit], doubt: &mut Option<Committed>) -> Result<Committed, Error> {
        if let Some(committed) = doubt.take() {
            match batch::landed(&self.pools, &committed).await {
                Ok(true) => return Ok(committed),
                Ok(false) => {}
                Err(error) => {
                    *doubt = Some(committed);
                    return Err(error);
                }
            }
        }
        // The closures of the units are other rooms' code: a panic there is that unit's failure.
        let attempt = AssertUnwindSafe(batch::write(&self.pools, units)).catch_unwind();
        match attempt.await {
            Ok(Ok(committed)) => Ok(committed),
            Ok(Err(Broken { error, in_doubt })) => {
                *doubt = in_doubt;
                Err(error)
            }
            Err(_) => Err(Error::Failed(Cause::new(Panicked))),
        }
    }

    /// Observers first: who is told that a unit is durable may rely on them having been told.
    fn publish(&self, committed: Committed, done: &mut [Option<Done>]) {
        if !committed.rows.is_empty() {
            self.tell(&committed.rows);
        }
        for (done, outcome) in done.iter_mut().zip(committed.outcomes) {
            if matches!(outcome, Err(Error::Fenced)) {
                counter!(FENCE_REJECTIONS).increment(1);
            }
            if let Some(done) = done.take() {
                // A caller that does not wait any more has its unit written all the same.
                let _ = done.send(outcome);
            }
        }
    }

    fn tell(&self, rows: &[OutboxRow]) {
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| observer.committed(rows)));
            if told.is_err() {
                tracing::error!("an observer of commits panicked");
            }
        }
    }
}

fn fail(done: &mut [Option<Done>], error: &Error) {
    for done in done.iter_mut().filter_map(Option::take) {
        let _ = done.send(Err(error.clone()));
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a unit panicked while it was written")]
struct Panicked;

//! The queue between the callers and the writer's task.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};

use super::{Task, Unit};
use crate::db::pools::Pools;
use crate::db::{Error, Options, OutboxRow};

/// Submits units to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    observers: Observers,
}

pub(super) type Observers = Arc<Mutex<Vec<Arc<dyn Observer>>>>;

/// A unit on its way.
pub(super) struct Job {
    pub(super) unit: Unit,
    pub(super) done: oneshot::Sender<Result<Outcome, Error>>,
}

/// What a unit did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Per write of the unit: whether it changed something.
    pub inserted: Vec<bool>,
}

/// Sees what reached the outbox.
pub trait Observer: Send + Sync {
    /// Called after each commit that had events, before its tickets resolve, with its rows in the
    /// order of their ids, on the writer's task: it must not block.
    fn committed(&self, rows: &[OutboxRow]);
}

/// Resolves when the unit is durable or refused. Dropping it does not take the unit back.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<Outcome, Error>>);

impl Future for Ticket {
    type Output = Result<Outcome, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(Error::Stopped)))
    }
}

impl Writer {
    /// Puts a unit into the queue and waits for room when it is full. Units are committed in the
    /// order in which this returns; for one caller that is the order of its calls.
    pub async fn submit(&self, unit: Unit) -> Ticket {
        let (done, ticket) = oneshot::channel();
        if let Err(refused) = self.queue.send(Job { unit, done }).await {
            let _ = refused.0.done.send(Err(Error::Stopped));
        }
        Ticket(ticket)
    }

    /// Submits a unit and waits until it is durable.
    ///
    /// # Errors
    /// [`Error::Fenced`] under an old claim or for a deleted instance, [`Error::Unavailable`],
    /// [`Error::Stopped`], [`Error::Invalid`] and [`Error::Failed`] for a unit that cannot be
    /// written; other units are not affected.
    pub async fn commit(&self, unit: Unit) -> Result<Outcome, Error> {
        self.submit(unit).await.await
    }

    /// Adds an observer of every later commit.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}

/// A writer and its task.
pub(in crate::db) fn new(pools: Pools, options: &Options) -> (Writer, Task) {
    let (sender, receiver) = mpsc::channel(options.queue.max(1));
    let observers = Observers::default();
    let task = Task::new(receiver, Arc::clone(&observers), pools, options);
    (Writer { queue: sender, observers }, task)
}

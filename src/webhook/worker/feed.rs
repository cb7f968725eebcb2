//! The way from the writer and from callers to the worker. Nobody is ever kept waiting here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::key::Feed;
use crate::db::{Observer, OutboxRow};
use crate::domain::InstanceId;

/// Commits and rows that may wait for the worker.
const COMMITS: usize = 1_024;
const ROWS: usize = 8_192;

/// Set from outside, read by the worker.
#[derive(Default)]
pub(super) struct Signals {
    /// Rows were dropped since it was last looked at.
    lost: AtomicBool,
    /// Rows in the channel.
    queued: AtomicUsize,
    look: Mutex<BTreeSet<InstanceId>>,
    bell: Notify,
}

impl Signals {
    /// Asks for a look at the rows of an instance.
    pub(super) fn look(&self, instance: InstanceId) {
        self.look.lock().unwrap_or_else(PoisonError::into_inner).insert(instance);
        self.bell.notify_one();
    }

    pub(super) fn take_looks(&self) -> BTreeSet<InstanceId> {
        std::mem::take(&mut *self.look.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }

    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// The writer's side.
pub(super) struct Tap {
    rows: mpsc::Sender<Vec<OutboxRow>>,
    signals: Arc<Signals>,
}

impl Observer for Tap {
    fn committed(&self, rows: &[OutboxRow]) {
        let mine: Vec<OutboxRow> = rows.iter().filter(|row| Feed::of(&row.sink).is_some()).cloned().collect();
        let count = mine.len();
        if count == 0 {
            return;
        }
        let queued = self.signals.queued.fetch_add(count, Ordering::AcqRel);
        if queued + count > ROWS || self.rows.try_send(mine).is_err() {
            self.signals.queued.fetch_sub(count, Ordering::AcqRel);
            // Before any later commit is sent: whoever receives that one sees this.
            self.signals.lost.store(true, Ordering::Release);
            self.signals.bell.notify_one();
        }
    }
}

/// The worker's side.
pub(super) struct Inbox {
    rows: mpsc::Receiver<Vec<OutboxRow>>,
    signals: Arc<Signals>,
}

impl Inbox {
    /// The rows of the next commit; pending for ever when no writer is left.
    pub(super) async fn next(&mut self) -> Vec<OutboxRow> {
        match self.rows.recv().await {
            Some(rows) => self.taken(rows),
            None => std::future::pending().await,
        }
    }

    /// As [`Inbox::next`], if there is one now.
    pub(super) fn next_now(&mut self) -> Option<Vec<OutboxRow>> {
        self.rows.try_recv().ok().map(|rows| self.taken(rows))
    }

    fn taken(&self, rows: Vec<OutboxRow>) -> Vec<OutboxRow> {
        self.signals.queued.fetch_sub(rows.len(), Ordering::AcqRel);
        rows
    }
}

pub(super) fn channel() -> (Tap, Inbox, Arc<Signals>) {
    let (sender, receiver) = mpsc::channel(COMMITS);
    let signals = Arc::new(Signals::default());
    let tap = Tap { rows: sender, signals: Arc::clone(&signals) };
    (tap, Inbox { rows: receiver, signals: Arc::clone(&signals) }, signals)
}

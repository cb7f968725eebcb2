//! The way from the writer to the relay. Nobody is ever kept waiting here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::db::{Observer, OutboxRow};
use crate::domain::InstanceId;

/// Says which instances have new rows.
pub(super) struct Bell {
    sinks: &'static [&'static str],
    rung: Mutex<BTreeSet<InstanceId>>,
    notify: Notify,
}

impl Bell {
    pub(super) fn new(sinks: &'static [&'static str]) -> Self {
        Self { sinks, rung: Mutex::default(), notify: Notify::new() }
    }

    pub(super) fn take(&self) -> BTreeSet<InstanceId> {
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn rung(&self) {
        self.notify.notified().await;
    }
}

impl Observer for Bell {
    fn committed(&self, rows: &[OutboxRow]) {
        let mine = rows.iter().filter(|row| self.sinks.contains(&row.sink.as_ref()));
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rung.len();
        rung.extend(mine.map(|row| row.instance));
        if rung.len() > before {
            self.notify.notify_one();
        }
    }
}

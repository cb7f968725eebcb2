//! Taking instances and giving them up.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::Error;
use super::handle::Handle;
use super::registry::{AT_ONCE, Registry};
use crate::db;
use crate::domain::{ConnectionState, Fence, Instance, InstanceId, Sink};

/// How long an instance stays where it has come to: it was created to be paired at once, or moved.
const SETTLED: Duration = Duration::from_secs(10);
/// Rows that are read with one statement.
const PAGE: usize = 256;
/// Sends without an answer that are reported of one instance at most.
const UNANSWERED: u64 = 50;

impl Registry {
    /// What is on this node, each under its claim.
    #[must_use]
    pub fn held(&self) -> HashMap<InstanceId, Fence> {
        self.all().iter().map(|handle| (handle.id(), handle.journal().fence())).collect()
    }

    /// Claims instances that nobody claimed since the given fences, and connects those that are linked
    /// to an account. Answers how many were claimed; what others took meanwhile is theirs.
    ///
    /// # Errors
    /// [`Error::Database`]; some may have been claimed.
    pub async fn claim(&self, instances: Vec<(InstanceId, Fence)>) -> Result<usize, Error> {
        let mut claimed = 0;
        for page in instances.chunks(PAGE) {
            let fences: HashMap<InstanceId, Fence> = page.iter().copied().collect();
            let ids: Vec<InstanceId> = fences.keys().copied().collect();
            let rows = self.0.deps.database.instances().all_by_ids(&ids).await?;
            let unchanged = |row: &Instance| fences.get(&row.id) == Some(&row.fence);
            claimed += self.claim_rows(rows.into_iter().filter(unchanged).collect()).await?;
        }
        Ok(claimed)
    }

    /// As [`Registry::claim`], of those instances that have no owner now.
    ///
    /// # Errors
    /// As [`Registry::claim`].
    pub async fn claim_free(&self, instances: Vec<InstanceId>) -> Result<usize, Error> {
        let mut claimed = 0;
        for page in instances.chunks(PAGE) {
            let free = self.0.deps.database.instances().all_free(&self.0.options.client_name, page).await?;
            claimed += self.claim_rows(free).await?;
        }
        Ok(claimed)
    }

    async fn claim_rows(&self, rows: Vec<Instance>) -> Result<usize, Error> {
        let ids: Vec<InstanceId> = rows.iter().map(|row| row.id).collect();
        let mut sinks = self.0.deps.database.instances().all_sinks(&ids).await?;
        let claims = rows.into_iter().map(|row| {
            let sinks = sinks.remove(&row.id).unwrap_or_default();
            self.claim_row(row, sinks)
        });
        let mut claims = stream::iter(claims).buffer_unordered(AT_ONCE);
        let mut claimed = 0;
        while let Some(handle) = claims.next().await {
            let Some(handle) = handle? else { continue };
            claimed += 1;
            if handle.view().paired {
                handle.request_connect().await;
                let unanswered = report_unanswered(handle);
                self.0.deps.lifecycle.spawn("sends without an answer", unanswered);
            }
        }
        Ok(claimed)
    }

    async fn claim_row(&self, row: Instance, sinks: Vec<Sink>) -> Result<Option<Handle>, Error> {
        // It was created here a moment ago, after the reconciler looked at what this node has.
        if self.0.arriving.contains(&row.id) {
            return Ok(None);
        }
        if let Some(known) = self.by_id(row.id) {
            if known.journal().fence() == row.fence && !known.is_leaving() {
                return Ok(None);
            }
            // Of an earlier claim: whatever it is at, it may not write any more.
            self.abandon(known.id());
        }
        match self.0.deps.database.instances().claim(row.id, &self.0.options.node, row.fence).await {
            Ok(fence) => Ok(Some(self.run(Instance { fence, ..row }, sinks)?)),
            // Somebody else was faster, or it was deleted meanwhile.
            Err(db::Error::Fenced | db::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives an instance up for others to take: nobody works on it any more, everything of it is on
    /// record, and its account stays linked. Answers whether it was this node's until now.
    ///
    /// # Errors
    /// [`Error::Database`]: the instance has ended here, and the row still names this node.
    pub async fn release(&self, handle: &Handle) -> Result<bool, Error> {
        handle.end(self.0.options.stop_deadline).await;
        // Behind everything that was queued without waiting.
        let _ = handle.journal().commit(Vec::new()).await;
        let fence = handle.journal().fence();
        let released = self.0.deps.database.instances().release(handle.id(), fence).await;
        self.forget(handle);
        Ok(released?)
    }

    /// Ends an instance that is somebody else's by now, without waiting for anything. Answers whether
    /// it was here.
    pub fn abandon(&self, id: InstanceId) -> bool {
        let Some(handle) = self.by_id(id) else { return false };
        self.forget(&handle);
        handle.close_gate();
        let deadline = self.0.options.stop_deadline;
        self.0
            .deps
            .lifecycle
            .spawn("end of an abandoned instance", async move { handle.end(deadline).await });
        true
    }

    /// As [`Registry::abandon`], of every instance; answers how many there were.
    pub fn abandon_all(&self) -> usize {
        self.all().iter().filter(|handle| self.abandon(handle.id())).count()
    }
}

impl Handle {
    /// Whether it is being ended here, and may be elsewhere soon.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.0.gate_closed.load(Ordering::SeqCst)
    }

    pub(super) fn close_gate(&self) {
        self.0.gate_closed.store(true, Ordering::SeqCst);
    }

    /// Whether its claim is the newest one; a database that does not answer does not contradict.
    pub(super) async fn is_owned(&self) -> bool {
        let newest = self.0.database.instances().is_newest(self.0.id, self.0.journal.fence()).await;
        newest.unwrap_or(true)
    }

    /// Whether it may be moved for no other reason than the placement: nobody is pairing it, and it
    /// has not just come.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let view = self.0.view.borrow();
        let idle = view.paired || view.state != ConnectionState::Connecting;
        idle && view.qr.is_none() && self.0.since.elapsed() >= SETTLED
    }
}

/// Reports the sends that were under way when the instance ended elsewhere: whether they left is
/// unknown, so they stay on record as pending, and are never sent again blindly.
async fn report_unanswered(handle: Handle) {
    let before = handle.journal().now();
    match handle.scope().messages().pending_older_than(before, UNANSWERED).await {
        Ok(pending) if !pending.is_empty() => {
            let ids: Vec<&str> = pending.iter().map(|message| message.key.id.as_str()).collect();
            tracing::warn!(instance = %handle.name(), ?ids, "sends without an answer of WhatsApp");
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(instance = %handle.name(), %error, "sends without an answer could not be looked up")
        }
    }
}

//! Deleting an instance, and purging what it leaves behind.

use std::time::Duration;

use serde_json::json;

use super::handle::Handle;
use super::registry::Registry;
use super::{Error, view};
use crate::domain::EventKind;
use crate::events::Write;

/// Rows of deleted instances that are removed in one transaction.
const PURGE_CHUNK: u64 = 500;
/// Longest time that the socket may hold up a deletion.
const UNLINK_DEADLINE: Duration = Duration::from_secs(5);

impl Registry {
    /// Deletes an instance: it is gone for every reader when this returns, whatever its socket
    /// does. An account that is still linked is unlinked first, within a few seconds.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Record`]; the instance then still exists.
    pub async fn delete(&self, handle: &Handle) -> Result<(), Error> {
        if handle.0.view.borrow().channel.is_some() {
            // Best effort: the phone may list the device for a while if WhatsApp cannot be reached.
            let _ = handle.logout(UNLINK_DEADLINE).await;
        }
        let told = json!({"instanceName": handle.name(), "instanceId": handle.id()});
        let mut events = handle.journal().event(EventKind::InstanceDelete, &told);
        events.extend(handle.journal().event(EventKind::RemoveInstance, &json!(null)));
        handle.journal().commit(events.into_iter().map(Write::Event).collect()).await?;
        self.0.deps.database.instances().mark_deleted(handle.id()).await?;
        self.forget(handle);
        let (ended, deadline) = (handle.clone(), self.0.options.stop_deadline);
        self.0.deps.lifecycle.spawn("end of a deleted instance", async move { ended.end(deadline).await });
        Ok(())
    }

    /// Removes rows of deleted instances of this node's client name until there are none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn purge(&self) -> Result<(), Error> {
        let instances = self.0.deps.database.instances();
        while instances.purge_next(&self.0.options.client_name, PURGE_CHUNK).await? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Handle {
    /// How long it has not been open, in milliseconds; `None` while it is.
    #[must_use]
    pub fn closed_for(&self, now: i64) -> Option<i64> {
        let view: view::View = self.view();
        view.closed_since.map(|since| now.saturating_sub(since))
    }
}

//! Events that still wait of instances that are deleted: they have no owner any more, so one node of
//! the client name delivers them.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cluster::Handle;
use crate::db::Database;
use crate::domain::InstanceId;
use crate::instance::Registry;
use crate::webhook;

/// Time between two looks for such instances.
const ROUND: Duration = Duration::from_secs(5);

/// The deleted instances that this node delivers for. Cheap to clone.
#[derive(Clone, Default)]
pub struct Orphans(Arc<RwLock<HashSet<InstanceId>>>);

impl Orphans {
    /// What this node delivers: its own instances' events and those of orphans.
    pub fn share(&self, registry: &Registry) -> webhook::Share {
        let (orphans, registry) = (self.clone(), registry.clone());
        Arc::new(move |instance| registry.by_id(instance).is_some() || orphans.has(instance))
    }

    fn has(&self, instance: InstanceId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&instance)
    }

    /// Looks for them until the token is cancelled, on the first node of the client name.
    pub async fn run(self, cluster: Handle, database: Database, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_some() {
            let me = cluster.me();
            let is_first = cluster.view().of(&me.client_name).next().is_none_or(|first| first.me == *me);
            let found = if is_first {
                database.instances().all_deleted_of(&me.client_name).await
            } else {
                Ok(Vec::new())
            };
            match found {
                Ok(found) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = found.into_iter().collect()
                }
                Err(error) => tracing::warn!(%error, "deleted instances could not be looked up"),
            }
        }
    }
}

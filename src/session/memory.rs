//! Records in memory, for tests and for nodes that keep nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::records::Records;
use super::{Batch, Error, Kind, Owner, Store};
use crate::domain::{Fence, InstanceId};

/// A store that lives as long as the process.
pub struct Memory {
    instances: Mutex<HashMap<InstanceId, Kept>>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

#[derive(Default)]
struct Kept {
    /// The newest claim that wrote; it outlives the records.
    fence: Fence,
    records: Records,
}

impl Memory {
    /// An empty store; `clock` tells wall time in unix milliseconds.
    #[must_use]
    pub fn new(clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self { instances: Mutex::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Kept>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Default>(&self, owner: Owner, read: impl Fn(&Records, i64) -> T) -> T {
        let now = (self.clock)();
        self.lock().get(&owner.instance).map(|kept| read(&kept.records, now)).unwrap_or_default()
    }
}

impl Kept {
    fn accept(&mut self, fence: Fence) -> Result<(), Error> {
        if fence < self.fence {
            return Err(Error::Fenced);
        }
        self.fence = fence;
        Ok(())
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.read(owner, |records, now| records.get(kind, key, now)))
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let mut found: Vec<_> =
            self.read(owner, |records, now| keys.iter().map(|key| records.get(kind, key, now)).collect());
        found.resize(keys.len(), None);
        Ok(found)
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        Ok(self.read(owner, |records, now| records.scan(kind, prefix, now)))
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        let now = (self.clock)();
        let mut instances = self.lock();
        let kept = instances.entry(owner.instance).or_default();
        kept.accept(owner.fence)?;
        batch.changes.into_iter().for_each(|change| kept.records.change(change));
        kept.records.sweep(now);
        Ok(())
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        let mut instances = self.lock();
        let kept = instances.entry(owner.instance).or_default();
        kept.accept(owner.fence)?;
        kept.records = Records::default();
        Ok(())
    }
}

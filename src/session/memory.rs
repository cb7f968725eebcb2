//! Records in memory, for tests and for nodes that keep nothing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Batch, Change, Error, Kind, Owner, Store};
use crate::domain::{Fence, InstanceId};

/// After so many records with an end, those past theirs are removed.
const SWEEP: usize = 1024;

/// A store that lives as long as the process.
pub struct Memory {
    instances: Mutex<HashMap<InstanceId, Records>>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

#[derive(Default)]
struct Records {
    /// The newest claim that wrote; it outlives the records.
    fence: Fence,
    kinds: HashMap<Kind, BTreeMap<Vec<u8>, Record>>,
    ending: usize,
}

struct Record {
    value: Bytes,
    expires_at: Option<i64>,
}

impl Record {
    fn at(&self, now: i64) -> Option<&Bytes> {
        self.expires_at.is_none_or(|end| end > now).then_some(&self.value)
    }
}

impl Memory {
    /// An empty store; `clock` tells wall time in unix milliseconds.
    #[must_use]
    pub fn new(clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self { instances: Mutex::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Records>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        owner: Owner,
        kind: Kind,
        read: impl Fn(&BTreeMap<Vec<u8>, Record>, i64) -> T,
    ) -> Option<T> {
        let now = (self.clock)();
        self.lock().get(&owner.instance)?.kinds.get(kind).map(|records| read(records, now))
    }
}

impl Records {
    fn accept(&mut self, fence: Fence) -> Result<(), Error> {
        if fence < self.fence {
            return Err(Error::Fenced);
        }
        self.fence = fence;
        Ok(())
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Put { kind, key, value, expires_at } => {
                self.ending += usize::from(expires_at.is_some());
                self.kinds.entry(kind).or_default().insert(key, Record { value, expires_at });
            }
            Change::Delete { kind, key } => {
                if let Some(records) = self.kinds.get_mut(kind) {
                    records.remove(&key);
                }
            }
            Change::Clear { kind } => {
                self.kinds.remove(kind);
            }
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.read(owner, kind, |records, now| records.get(key)?.at(now).cloned()).flatten())
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let found = self.read(owner, kind, |records, now| {
            keys.iter().map(|key| records.get(key)?.at(now).cloned()).collect()
        });
        Ok(found.unwrap_or_else(|| vec![None; keys.len()]))
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        let found = self.read(owner, kind, |records, now| {
            records
                .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
                .take_while(|(key, _)| key.starts_with(prefix))
                .filter_map(|(key, record)| Some((key.clone(), record.at(now)?.clone())))
                .collect()
        });
        Ok(found.unwrap_or_default())
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        let now = (self.clock)();
        let mut instances = self.lock();
        let records = instances.entry(owner.instance).or_default();
        records.accept(owner.fence)?;
        batch.changes.into_iter().for_each(|change| records.change(change));
        if records.ending >= SWEEP {
            records.ending = 0;
            records.kinds.values_mut().for_each(|kind| kind.retain(|_, record| record.at(now).is_some()));
        }
        Ok(())
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        let mut instances = self.lock();
        let records = instances.entry(owner.instance).or_default();
        records.accept(owner.fence)?;
        records.kinds = HashMap::new();
        Ok(())
    }
}

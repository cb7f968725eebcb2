//! The log of an instance: objects with the numbers 1, 2, 3 ... below its name. An object is only
//! ever created, never replaced, and of several that create the same number one succeeds: that is
//! the compare-and-set, on S3 (`If-None-Match`) as in a folder (a hard link).

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};

use super::entry::Entry;
use crate::domain::InstanceId;
use crate::session::Error;

/// Objects that are read at once.
const AT_ONCE: usize = 32;

/// The logs of all instances.
pub(super) struct Log {
    /// Reads and removes, trying again by itself.
    pub(super) reads: Arc<dyn ObjectStore>,
    /// Creates, once per call: the caller finds out what became of a failed attempt.
    pub(super) creates: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
}

/// An object of a log.
pub(super) struct Listed {
    pub(super) number: u64,
    pub(super) size: u64,
    /// When it was made, in unix milliseconds by the store's clock.
    pub(super) made: i64,
}

impl Log {
    fn folder(&self, instance: InstanceId) -> Path {
        self.prefix.clone().join(instance.to_string())
    }

    fn path(&self, instance: InstanceId, number: u64) -> Path {
        self.folder(instance).join(format!("{number:020}"))
    }

    /// The objects in the order of their numbers.
    pub(super) async fn list(&self, instance: InstanceId) -> Result<Vec<Listed>, Error> {
        let metas: Vec<_> =
            self.reads.list(Some(&self.folder(instance))).try_collect().await.map_err(failed)?;
        let listed = metas.into_iter().filter_map(|meta| {
            let number = meta.location.filename()?.parse().ok()?;
            Some(Listed { number, size: meta.size, made: meta.last_modified.timestamp_millis() })
        });
        let mut listed: Vec<_> = listed.collect();
        listed.sort_unstable_by_key(|listed| listed.number);
        Ok(listed)
    }

    /// An entry, unless it is gone.
    pub(super) async fn read(&self, instance: InstanceId, number: u64) -> Result<Option<Entry>, Error> {
        let answer = async { self.reads.get(&self.path(instance, number)).await?.bytes().await };
        match answer.await {
            Ok(bytes) => Entry::decode(bytes).map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Entries in their order, unless one is gone.
    pub(super) async fn range(
        &self,
        instance: InstanceId,
        numbers: Range<u64>,
    ) -> Result<Option<Vec<Entry>>, Error> {
        let reads = numbers.map(|number| self.read(instance, number));
        let entries: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        Ok(entries.into_iter().collect())
    }

    /// Creates an entry; `false` when there is one with the number.
    pub(super) async fn create(
        &self,
        instance: InstanceId,
        number: u64,
        entry: Bytes,
    ) -> Result<bool, Error> {
        let path = self.path(instance, number);
        match self.creates.put_opts(&path, entry.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes entries; those that are gone are fine.
    pub(super) async fn remove(&self, instance: InstanceId, numbers: &[u64]) -> Result<(), Error> {
        let paths: Vec<_> = numbers.iter().map(|number| Ok(self.path(instance, *number))).collect();
        let mut answers = self.reads.delete_stream(futures::stream::iter(paths).boxed());
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

fn failed(error: object_store::Error) -> Error {
    Error::Unavailable(Box::new(error))
}

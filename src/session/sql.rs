//! Records in the database. Writes pass through the node's one writer, which checks the fence in
//! the transaction and commits many instances together.

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;

use super::redis::Record;
use super::{Batch, Change, Error, Kind, Owner, Store};
use crate::db::{self, Database, SessionChange, Unit, Write};

/// A store in the database. It takes every batch as durable; put a
/// [`WriteBehind`](super::write_behind::WriteBehind) over it for the others.
#[derive(Clone)]
pub struct Sql {
    database: Database,
}

impl Sql {
    /// A store in `database`, whose writer must be running.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Every record of an instance, as it is now.
    pub(super) async fn all(&self, owner: Owner) -> Result<Vec<Record>, Error> {
        let rows = self.database.instance(owner.instance).session().all().await.map_err(failed)?;
        let record = |row: db::SessionRecord| Record {
            kind: row.kind,
            key: row.key,
            value: row.value,
            expires_at: row.expires_at,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    async fn write(&self, owner: Owner, changes: Vec<SessionChange>) -> Result<(), Error> {
        let writes = changes.into_iter().map(|change| Write::Session { change }).collect();
        let unit = Unit { instance: owner.instance, fence: owner.fence, writes };
        self.database.writer().commit(unit).await.map(drop).map_err(failed)
    }
}

#[async_trait]
impl Store for Sql {
    async fn get(&self, owner: Owner, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.database.instance(owner.instance).session().get(kind, key).await.map_err(failed)
    }

    async fn get_many(
        &self,
        owner: Owner,
        kind: Kind,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        self.database.instance(owner.instance).session().get_many(kind, keys).await.map_err(failed)
    }

    async fn scan(&self, owner: Owner, kind: Kind, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        self.database.instance(owner.instance).session().scan(kind, prefix).await.map_err(failed)
    }

    async fn apply(&self, owner: Owner, batch: Batch) -> Result<(), Error> {
        self.write(owner, batch.changes.into_iter().map(convert).collect()).await
    }

    async fn destroy(&self, owner: Owner) -> Result<(), Error> {
        self.write(owner, vec![SessionChange::Destroy]).await
    }
}

fn convert(change: Change) -> SessionChange {
    match change {
        Change::Put { kind, key, value, expires_at } => {
            SessionChange::Put { kind: Cow::Borrowed(kind), key, value, expires_at }
        }
        Change::Delete { kind, key } => SessionChange::Delete { kind: Cow::Borrowed(kind), key },
        Change::Clear { kind } => SessionChange::Clear { kind: Cow::Borrowed(kind) },
    }
}

fn failed(error: db::Error) -> Error {
    match error {
        db::Error::Fenced => Error::Fenced,
        // Trying again would not help, and the records behind it are fine.
        db::Error::Invalid(_) => Error::Corrupt(error.to_string()),
        _ => Error::Unavailable(Box::new(error)),
    }
}

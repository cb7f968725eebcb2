//! Protocol key material of one instance, as raw records. Expired ones are as if absent.

use std::collections::HashMap;

use bytes::Bytes;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, Select};

use super::entity::session_record::{Column, Entity, Model};
use super::{Error, Scope};

/// Keys of one query.
const CHUNK: usize = 256;

/// One record.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Key space.
    pub kind: String,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Bytes,
    /// When it may be forgotten, in unix milliseconds.
    pub expires_at: Option<i64>,
}

/// Reads the records of one instance.
#[derive(Clone)]
pub struct SessionRecords {
    pub(super) scope: Scope,
}

impl SessionRecords {
    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get(&self, kind: &str, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let row = self.rows(kind).filter(Column::RecordKey.eq(key)).one(self.scope.pools.read()).await?;
        Ok(row.map(|row| row.value.into()))
    }

    /// The values of several keys, in the order of the keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get_many(&self, kind: &str, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Error> {
        let mut found: HashMap<Vec<u8>, Bytes> = HashMap::with_capacity(keys.len());
        for some in keys.chunks(CHUNK) {
            let rows = self.rows(kind).filter(Column::RecordKey.is_in(some.iter().cloned()));
            let rows = rows.all(self.scope.pools.read()).await?;
            found.extend(rows.into_iter().map(|row| (row.record_key, row.value.into())));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// Every record of a kind whose key begins with `prefix`, in the order of the keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn scan(&self, kind: &str, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Error> {
        let mut rows = self.rows(kind).filter(Column::RecordKey.gte(prefix));
        if let Some(end) = end_of(prefix) {
            rows = rows.filter(Column::RecordKey.lt(end));
        }
        let rows = rows.order_by_asc(Column::RecordKey).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(|row| (row.record_key, row.value.into())).collect())
    }

    /// Every record, of all kinds.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all(&self) -> Result<Vec<SessionRecord>, Error> {
        let rows = self.every().all(self.scope.pools.read()).await?;
        let record = |row: Model| SessionRecord {
            kind: row.kind,
            key: row.record_key,
            value: row.value.into(),
            expires_at: row.expires_at,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    fn rows(&self, kind: &str) -> Select<Entity> {
        self.every().filter(Column::Kind.eq(kind))
    }

    fn every(&self) -> Select<Entity> {
        let fresh = Condition::any()
            .add(Column::ExpiresAt.is_null())
            .add(Column::ExpiresAt.gt(self.scope.pools.now()));
        Entity::find().filter(self.scope.owns(Column::InstanceId)).filter(fresh)
    }
}

/// The first key after every key that begins with `prefix`; `None` when there is no such key.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_a_prefix_is_after_all_its_keys() {
        assert_eq!(end_of(b""), None);
        assert_eq!(end_of(&[0xff, 0xff]), None);
        assert_eq!(end_of(&[0x00]), Some(vec![0x01]));
        assert_eq!(end_of(&[0x01, 0xff]), Some(vec![0x02]));
    }
}

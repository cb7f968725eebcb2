//! Removes what deleted instances leave behind, a bounded number of rows at a time: one large
//! deletion would hold its locks, and the whole journal, for minutes.

use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::db::Error;
use crate::db::pools::Pools;

/// How long undelivered events of a deleted instance may still be delivered.
const GRACE: i64 = 24 * 3600 * 1000;

/// Tenant tables and what identifies their rows in the instance. The last two are needed for what is
/// still to be delivered.
const TABLES: [(&str, &str); 11] = [
    ("message", "id"),
    ("chat", "remote_jid"),
    ("contact", "id"),
    ("address", "lid"),
    ("label", "label_id"),
    ("label_chat", "id"),
    ("group_metadata", "jid"),
    ("history_spool", "message_id"),
    ("dead_letter", "id"),
    ("sink", "id"),
    ("outbox", "id"),
];
const DELIVERY: usize = 2;
/// Rows with the name of a file go only when whoever keeps files has removed it.
const MEDIA: &str = "media";

pub(super) async fn next(pools: &Pools, client_name: &str, chunk: u64) -> Result<bool, Error> {
    let chunk = i64::try_from(chunk.max(1)).unwrap_or(i64::MAX);
    let mut left = chunk;
    left -= expired_records(pools, left).await?;
    // Oldest deletions first, so that every deleted instance is reached in the end.
    for (id, deleted_at) in deleted(pools, client_name).await? {
        let age = pools.now() - deleted_at;
        let told = age > GRACE || (age >= pools.keep_deleted && outbox_is_empty(pools, id).await?);
        if !pools.keeps_media {
            left -= remove(pools, (MEDIA, " AND file_name IS NULL"), &["id"], id, left).await?;
        }
        let tables = &TABLES[..if told { TABLES.len() } else { TABLES.len() - DELIVERY }];
        for (table, key) in tables {
            left -= remove(pools, (table, ""), &[key], id, left).await?;
        }
        left -= remove(pools, ("session_record", ""), &["kind", "record_key"], id, left).await?;
        if left <= 0 {
            return Ok(true);
        }
        if told && !has_media(pools, id).await? {
            remove_instance(pools, id).await?;
        }
    }
    Ok(false)
}

async fn deleted(pools: &Pools, client_name: &str) -> Result<Vec<(Uuid, i64)>, Error> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

    use crate::db::entity::instance::{Column, Entity};
    let rows = Entity::find().select_only().columns([Column::Id, Column::DeletedAt]);
    let rows = rows.filter(Column::ClientName.eq(client_name)).filter(Column::DeletedAt.is_not_null());
    let rows = rows.order_by_asc(Column::DeletedAt).into_tuple();
    Ok(rows.all(pools.read()).await?)
}

/// Nobody reads them any more, whoever's they are.
async fn expired_records(pools: &Pools, limit: i64) -> Result<i64, Error> {
    let sql = Sql(pools);
    let text = match pools.backend() {
        sea_orm::DbBackend::MySql => "DELETE FROM session_record WHERE expires_at <= ? LIMIT ?",
        _ => {
            "DELETE FROM session_record WHERE (instance_id, kind, record_key) IN \
             (SELECT instance_id, kind, record_key FROM session_record WHERE expires_at <= $1 LIMIT $2)"
        }
    };
    sql.run(text.to_owned(), vec![pools.now().into(), limit.into()]).await
}

/// Removes rows of an instance from a table, those that fulfil the condition.
async fn remove(
    pools: &Pools,
    (table, condition): (&str, &str),
    key: &[&str],
    id: Uuid,
    limit: i64,
) -> Result<i64, Error> {
    if limit <= 0 {
        return Ok(0);
    }
    let text = match pools.backend() {
        sea_orm::DbBackend::MySql => {
            format!("DELETE FROM {table} WHERE instance_id = ?{condition} LIMIT ?")
        }
        _ => {
            let key = key.join(", ");
            format!(
                "DELETE FROM {table} WHERE instance_id = $1 AND ({key}) IN \
                 (SELECT {key} FROM {table} WHERE instance_id = $1{condition} LIMIT $2)"
            )
        }
    };
    Sql(pools).run(text, vec![id.into(), limit.into()]).await
}

async fn outbox_is_empty(pools: &Pools, id: Uuid) -> Result<bool, Error> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

    use crate::db::entity::outbox::{Column, Entity};
    Ok(Entity::find().filter(Column::InstanceId.eq(id)).one(pools.read()).await?.is_none())
}

async fn has_media(pools: &Pools, id: Uuid) -> Result<bool, Error> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

    use crate::db::entity::media::{Column, Entity};
    Ok(Entity::find().filter(Column::InstanceId.eq(id)).one(pools.read()).await?.is_some())
}

/// Last, and only when nothing is left: the row is what finds the others.
async fn remove_instance(pools: &Pools, id: Uuid) -> Result<(), Error> {
    use sea_orm::EntityTrait;
    crate::db::entity::instance::Entity::delete_by_id(id).exec(pools.write()).await?;
    Ok(())
}

struct Sql<'a>(&'a Pools);

impl Sql<'_> {
    /// How many rows went.
    async fn run(&self, text: String, values: Vec<Value>) -> Result<i64, Error> {
        let statement = Statement::from_sql_and_values(self.0.backend(), text, values);
        let rows = self.0.write().execute_raw(statement).await?.rows_affected();
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    }
}

//! Events that wait for delivery, of all instances.

use std::borrow::Cow;
use std::sync::Arc;

use std::collections::HashMap;
use std::sync::LazyLock;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::entity::dead_letter;
use super::entity::outbox::{Column, Entity, Model};
use super::pools::Pools;
use super::{Error, Failure};
use crate::domain::{Event, EventKind, InstanceId};

/// Rows of one statement.
const CHUNK: usize = 256;

/// Queries over what waits for delivery.
#[derive(Clone)]
pub struct Outbox {
    pub(super) pools: Pools,
}

/// One event on its way to one sink.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Position: grows with every row. Rows of several nodes become visible in the order of their
    /// commits, which is not always that of their ids: a reader that remembers a position looks at
    /// the beginning again from time to time.
    pub id: i64,
    /// Whose event.
    pub instance: InstanceId,
    /// The sink.
    pub sink: Cow<'static, str>,
    /// The instance's number of the event; dense, the same at every sink.
    pub sequence: i64,
    /// What happened.
    pub event: Arc<Event>,
    /// Attempts that failed.
    pub attempt: i32,
    /// Unix milliseconds before which it is not tried again.
    pub due_at: i64,
}

impl Outbox {
    /// Rows of a sink after a position, in order, due or not. Rows of events that this build does
    /// not know are left out, so that a page may be shorter than `limit` before the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(&self, sink: &str, after: i64, limit: u64) -> Result<Vec<OutboxRow>, Error> {
        self.rows(Entity::find().filter(Column::Sink.eq(sink)), after, limit).await
    }

    /// As [`Outbox::page`], of one instance.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page_of_instance(
        &self,
        instance: InstanceId,
        sink: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<OutboxRow>, Error> {
        let rows = Entity::find().filter(Column::InstanceId.eq(instance.0)).filter(Column::Sink.eq(sink));
        self.rows(rows, after, limit).await
    }

    /// As [`Outbox::page`], from the beginning, of several sinks and of some instances only. Rows of
    /// events that this build does not know are not counted: a page shorter than `limit` is the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page_of_instances(
        &self,
        instances: &[InstanceId],
        sinks: &[&str],
        limit: u64,
    ) -> Result<Vec<OutboxRow>, Error> {
        let known = EventKind::ALL.iter().map(|kind| kind.wire());
        let rows = Entity::find()
            .filter(Column::Sink.is_in(sinks.iter().copied()))
            .filter(Column::InstanceId.is_in(instances.iter().map(|instance| instance.0)))
            .filter(Column::Kind.is_in(known));
        self.rows(rows, 0, limit).await
    }

    /// The instances of which rows wait for some sinks, whoever wrote them and whenever they became
    /// visible.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn instances_waiting(&self, sinks: &[&str]) -> Result<Vec<InstanceId>, Error> {
        let rows = Entity::find()
            .select_only()
            .column(Column::InstanceId)
            .distinct()
            .filter(Column::Sink.is_in(sinks.iter().copied()))
            .into_tuple::<Uuid>();
        Ok(rows.all(self.pools.read()).await?.into_iter().map(InstanceId).collect())
    }

    /// Removes delivered rows; absent ones are fine.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, ids: &[i64]) -> Result<(), Error> {
        for some in ids.chunks(CHUNK) {
            let rows = Entity::delete_many().filter(Column::Id.is_in(some.iter().copied()));
            rows.exec(self.pools.write()).await?;
        }
        Ok(())
    }

    /// Remembers a failed attempt and when the next one is due (unix milliseconds).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reschedule(&self, id: i64, attempt: i32, due_at: i64) -> Result<(), Error> {
        let row = Entity::update_many()
            .col_expr(Column::Attempt, Expr::value(attempt))
            .col_expr(Column::DueAt, Expr::value(due_at))
            .filter(Column::Id.eq(id));
        row.exec(self.pools.write()).await?;
        Ok(())
    }

    /// Moves a row to the dead letters of its instance in one transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the row is gone, [`Error::Unavailable`].
    pub async fn bury(&self, id: i64, failure: &Failure) -> Result<(), Error> {
        let transaction = self.pools.begin().await?;
        let row = Entity::find_by_id(id).lock_exclusive().one(&transaction).await?.ok_or(Error::NotFound)?;
        Entity::delete_by_id(id).exec(&transaction).await?;
        let letter = dead_letter::ActiveModel {
            id: Set(Uuid::now_v7()),
            instance_id: Set(row.instance_id),
            sink: Set(row.sink),
            event_id: Set(row.event_id),
            kind: Set(row.kind),
            chat: Set(row.chat),
            sequence: Set(row.sequence),
            data: Set(row.data),
            event_time: Set(row.event_time),
            history: Set(row.history),
            target: Set(failure.target.clone()),
            attempts: Set(failure.attempts),
            last_status: Set(failure.last_status),
            last_error: Set(failure.last_error.clone()),
            created_at: Set(self.pools.now()),
        };
        dead_letter::Entity::insert(letter).exec_without_returning(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// How many rows wait for a sink.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn depth(&self, sink: &str) -> Result<u64, Error> {
        Ok(Entity::find().filter(Column::Sink.eq(sink)).count(self.pools.read()).await?)
    }

    /// When the oldest waiting row of a sink was written, unix milliseconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn oldest(&self, sink: &str) -> Result<Option<i64>, Error> {
        let first = Entity::find()
            .select_only()
            .column(Column::CreatedAt)
            .filter(Column::Sink.eq(sink))
            .order_by_asc(Column::Id)
            .into_tuple();
        Ok(first.one(self.pools.read()).await?)
    }

    async fn rows(&self, rows: Select<Entity>, after: i64, limit: u64) -> Result<Vec<OutboxRow>, Error> {
        let rows = rows.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(self.pools.read()).await?.into_iter().filter_map(waiting).collect())
    }
}

fn waiting(row: Model) -> Option<OutboxRow> {
    Some(OutboxRow {
        id: row.id,
        instance: InstanceId(row.instance_id),
        sink: row.sink.into(),
        sequence: row.sequence,
        event: Arc::new(event(row.event_id, &row.kind, row.chat, row.event_time, row.data, row.history)?),
        attempt: row.attempt,
        due_at: row.due_at,
    })
}

/// An event from its columns. `None` for a kind that a newer build wrote, which that build will
/// deliver.
pub(super) fn event(
    id: Uuid,
    kind: &str,
    chat: Option<String>,
    time: i64,
    data: String,
    history: Option<String>,
) -> Option<Event> {
    static KINDS: LazyLock<HashMap<&'static str, EventKind>> =
        LazyLock::new(|| EventKind::ALL.iter().map(|kind| (kind.wire(), *kind)).collect());
    let kind = KINDS.get(kind).copied();
    let data = RawValue::from_string(data).ok();
    if kind.is_none() || data.is_none() {
        tracing::warn!(event = %id, "an event in the outbox cannot be read by this build");
    }
    let history = history.and_then(|history| serde_json::from_str(&history).ok());
    Some(Event { id, kind: kind?, chat, time, data: data?, history })
}

/// The column of an event's part of a history.
pub(super) fn history(event: &Event) -> Option<String> {
    event.history.and_then(|part| serde_json::to_string(&part).ok())
}

//! Events of one instance that could not be delivered.

use std::sync::Arc;

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::entity::dead_letter::{ActiveModel, Column, Entity, Model};
use super::entity::{instance, outbox};
use super::outbox::{OutboxRow, event, history};
use super::{Error, Scope};
use crate::domain::Event;

/// The dead letters of one instance.
#[derive(Clone)]
pub struct DeadLetters {
    pub(super) scope: Scope,
}

/// Why delivery was given up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Failure {
    /// Where it should have gone, without secrets.
    pub target: String,
    /// How often it was tried.
    pub attempts: i32,
    /// The last HTTP status.
    pub last_status: Option<i32>,
    /// The last error.
    pub last_error: Option<String>,
}

/// An event that could not be delivered.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Identity of the row.
    pub id: Uuid,
    /// The sink.
    pub sink: String,
    /// The instance's number of the event.
    pub sequence: i64,
    /// What happened.
    pub event: Arc<Event>,
    /// Why.
    pub failure: Failure,
    /// When it was given up, unix milliseconds.
    pub created_at: i64,
}

impl DeadLetters {
    /// A part of the list, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self, take: u64, skip: u64) -> Result<Vec<DeadLetter>, Error> {
        let rows = self.rows().order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let rows = rows.limit(take).offset(skip).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().filter_map(dead).collect())
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count(&self) -> Result<u64, Error> {
        Ok(self.rows().count(self.scope.pools.read()).await?)
    }

    /// Removes some; absent ones are fine. Answers how many were there.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove(&self, ids: &[Uuid]) -> Result<u64, Error> {
        let rows = Entity::delete_many()
            .filter(self.scope.owns(Column::InstanceId))
            .filter(Column::Id.is_in(ids.iter().copied()));
        Ok(rows.exec(self.scope.pools.write()).await?.rows_affected)
    }

    /// Moves some back to the outbox, due at once, with their event ids and sequence numbers, in
    /// one transaction. Answers how many were there.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn redrive(&self, ids: &[Uuid]) -> Result<u64, Error> {
        let transaction = self.scope.pools.begin().await?;
        let rows = self.rows().filter(Column::Id.is_in(ids.iter().copied()));
        let rows = rows.order_by_asc(Column::Sequence).lock_exclusive().all(&transaction).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let found: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        Entity::delete_many().filter(Column::Id.is_in(found.clone())).exec(&transaction).await?;
        let now = self.scope.pools.now();
        let rows = rows.into_iter().map(|row| again(row, now));
        outbox::Entity::insert_many(rows).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(found.len() as u64)
    }

    /// Adds an event that did not come from the outbox table, in place of an older one of the same
    /// event and sink: a message queue may bring it twice.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing is left of the instance, [`Error::Unavailable`].
    pub async fn insert(&self, row: &OutboxRow, failure: &Failure) -> Result<(), Error> {
        // Without the row of the instance nobody would ever remove the letter.
        let instance = instance::Entity::find_by_id(self.scope.id.0);
        instance.one(self.scope.pools.read()).await?.ok_or(Error::NotFound)?;
        let mut hash = Sha256::new();
        hash.update(row.event.id.as_bytes());
        hash.update(row.sink.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        let letter = ActiveModel {
            id: Set(uuid::Builder::from_custom_bytes(id).into_uuid()),
            instance_id: Set(self.scope.id.0),
            sink: Set(row.sink.to_string()),
            event_id: Set(row.event.id),
            kind: Set(row.event.kind.wire().to_owned()),
            chat: Set(row.event.chat.clone()),
            sequence: Set(row.sequence),
            data: Set(row.event.data.get().to_owned()),
            event_time: Set(row.event.time),
            history: Set(history(&row.event)),
            target: Set(failure.target.clone()),
            attempts: Set(failure.attempts),
            last_status: Set(failure.last_status),
            last_error: Set(failure.last_error.clone()),
            created_at: Set(self.scope.pools.now()),
        };
        let newest = [Column::Attempts, Column::LastStatus, Column::LastError, Column::CreatedAt];
        let same = OnConflict::column(Column::Id).update_columns(newest).to_owned();
        Entity::insert(letter).on_conflict(same).exec_without_returning(self.scope.pools.write()).await?;
        Ok(())
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }
}

fn again(row: Model, now: i64) -> outbox::ActiveModel {
    outbox::ActiveModel {
        id: NotSet,
        instance_id: Set(row.instance_id),
        sink: Set(row.sink),
        event_id: Set(row.event_id),
        kind: Set(row.kind),
        chat: Set(row.chat),
        sequence: Set(row.sequence),
        data: Set(row.data),
        event_time: Set(row.event_time),
        history: Set(row.history),
        attempt: Set(0),
        due_at: Set(0),
        created_at: Set(now),
    }
}

fn dead(row: Model) -> Option<DeadLetter> {
    Some(DeadLetter {
        id: row.id,
        sink: row.sink,
        sequence: row.sequence,
        event: Arc::new(event(row.event_id, &row.kind, row.chat, row.event_time, row.data, row.history)?),
        failure: Failure {
            target: row.target,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
        },
        created_at: row.created_at,
    })
}

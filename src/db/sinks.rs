//! Sinks of one instance.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::entity::{instance, sink};
use super::error::Cause;
use super::{Error, Scope};
use crate::domain::{EventKind, InstanceId, Sink, SinkKind};

/// Where the events of one instance go.
#[derive(Clone)]
pub struct Sinks {
    pub(super) scope: Scope,
}

impl Sinks {
    /// The sink of a kind.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get(&self, kind: SinkKind) -> Result<Option<Sink>, Error> {
        let row = self.rows().filter(sink::Column::Kind.eq(kind.as_str()));
        row.one(self.scope.pools.read()).await?.map(stored).transpose()
    }

    /// Every sink.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all(&self) -> Result<Vec<Sink>, Error> {
        let rows = self.rows().order_by_asc(sink::Column::Kind).all(self.scope.pools.read()).await?;
        rows.into_iter().map(stored).collect()
    }

    /// Creates or replaces the sink of its kind; the stored id and creation time stay. Answers
    /// with what is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a deleted instance, [`Error::Unavailable`].
    pub async fn set(&self, sink: &Sink) -> Result<Sink, Error> {
        let transaction = self.scope.pools.begin().await?;
        // The lock keeps a deletion away until the sink is stored.
        let alive = instance::Entity::find_by_id(self.scope.id.0)
            .filter(instance::Column::DeletedAt.is_null())
            .lock_exclusive();
        if alive.one(&transaction).await?.is_none() {
            return Err(Error::NotFound);
        }
        insert(&transaction, self.scope.id, sink).await?;
        let kind = sink::Column::Kind.eq(sink.kind.as_str());
        let row = self.rows().filter(kind).one(&transaction).await?.ok_or(Error::NotFound)?;
        transaction.commit().await?;
        stored(row)
    }

    fn rows(&self) -> Select<sink::Entity> {
        sink::Entity::find().filter(self.scope.owns(sink::Column::InstanceId))
    }
}

/// Stores a sink, in place of one of its kind.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    instance: InstanceId,
    sink: &Sink,
) -> Result<(), Error> {
    use sink::Column::{Enabled, Events, InstanceId, Kind, Options, UpdatedAt};
    let row = sink::ActiveModel {
        id: Set(sink.id),
        instance_id: Set(instance.0),
        kind: Set(sink.kind.as_str().to_owned()),
        enabled: Set(sink.enabled),
        events: Set(json(&sink.events)?),
        options: Set(json(&sink.webhook)?),
        created_at: Set(sink.created_at),
        updated_at: Set(sink.updated_at),
    };
    let same = OnConflict::columns([InstanceId, Kind])
        .update_columns([Enabled, Events, Options, UpdatedAt])
        .to_owned();
    sink::Entity::insert(row).on_conflict(same).exec_without_returning(connection).await?;
    Ok(())
}

pub(super) fn stored(row: sink::Model) -> Result<Sink, Error> {
    let kind = match &*row.kind {
        "webhook" => SinkKind::Webhook,
        "websocket" => SinkKind::Websocket,
        "rabbitmq" => SinkKind::Rabbitmq,
        other => return Err(Error::Invalid(format!("a sink of the kind `{other}` is on record"))),
    };
    // Kinds of event that a newer build wrote are left out rather than hiding the whole sink.
    let events: Vec<String> = parse(&row.events)?;
    Ok(Sink {
        id: row.id,
        kind,
        enabled: row.enabled,
        events: events.iter().filter_map(|name| EventKind::from_name(name)).collect(),
        webhook: parse(&row.options)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Failed(Cause::new(error)))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Failed(Cause::new(error)))
}

//! The instances of all tenants, for administration. Deleted ones are invisible everywhere here.

mod owners;
mod purge;
mod rows;
mod types;

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

pub(super) use rows::changes;

pub use types::{Counts, InstanceFilter, InstanceUpdate, Listed, Located, NewInstance, Ownership, Remains};

use super::entity::instance::{Column, Entity, Model};
use super::entity::sink;
use super::pools::Pools;
use super::{Error, sinks};
use crate::domain::{Instance, InstanceId, InstanceName, Sink};

/// Queries over the instances.
#[derive(Clone)]
pub struct Instances {
    pub(super) pools: Pools,
}

impl Instances {
    /// Creates an instance with its sinks in one transaction.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::TokenTaken`], [`Error::Unavailable`].
    pub async fn insert(&self, new: &NewInstance, sinks: &[Sink]) -> Result<Instance, Error> {
        let row = rows::new(new, self.pools.now())?;
        let transaction = self.pools.begin().await?;
        Entity::insert(row).exec_without_returning(&transaction).await?;
        for sink in sinks {
            sinks::insert(&transaction, new.id, sink).await?;
        }
        let row = Entity::find_by_id(new.id.0).one(&transaction).await?.ok_or(Error::NotFound)?;
        transaction.commit().await?;
        rows::stored(row)
    }

    /// The instance of a name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_name(&self, name: &InstanceName) -> Result<Option<Instance>, Error> {
        self.one(Column::Name.eq(name.as_str())).await
    }

    /// The instance of an identity.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_id(&self, id: InstanceId) -> Result<Option<Instance>, Error> {
        self.one(Column::Id.eq(id.0)).await
    }

    /// What an instance is or was called and its account's address, also after its deletion for as
    /// long as events of it may wait.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_id_even_deleted(&self, id: InstanceId) -> Result<Option<Remains>, Error> {
        let row = Entity::find_by_id(id.0).one(self.pools.read()).await?;
        Ok(row.and_then(|row| {
            let name = row.name.or(row.former_name)?;
            Some(Remains { name, owner_jid: row.owner_jid })
        }))
    }

    /// Some instances by their ids, by name; absent ones are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_by_ids(&self, ids: &[InstanceId]) -> Result<Vec<Instance>, Error> {
        self.many(alive().filter(one_of(Column::Id, ids))).await
    }

    /// The matching instances of all client names, by name, with what they have: two queries, however many
    /// they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self, filter: &InstanceFilter) -> Result<Vec<Listed>, Error> {
        let rows = matching(filter).order_by_asc(Column::Name).all(self.pools.read()).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut sinks = self.sinks_of(matching(filter)).await?;
        let listed = |row: Model| {
            let counts = rows::counts(row.message_count, row.contact_count, row.chat_count);
            let sinks = sinks.remove(&InstanceId(row.id)).unwrap_or_default();
            Ok(Listed { instance: rows::stored(row)?, counts, sinks })
        };
        rows.into_iter().map(listed).collect()
    }

    /// The sinks of some instances, in one query. Instances without sinks have no entry.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_sinks(&self, ids: &[InstanceId]) -> Result<HashMap<InstanceId, Vec<Sink>>, Error> {
        self.sinks_of(alive().filter(one_of(Column::Id, ids))).await
    }

    async fn sinks_of(&self, some: Select<Entity>) -> Result<HashMap<InstanceId, Vec<Sink>>, Error> {
        let ids = some.select_only().column(Column::Id);
        let rows = sink::Entity::find()
            .filter(sink::Column::InstanceId.in_subquery(sea_orm::QueryTrait::into_query(ids)))
            .order_by_asc(sink::Column::Kind);
        let mut all: HashMap<InstanceId, Vec<Sink>> = HashMap::new();
        for row in rows.all(self.pools.read()).await? {
            all.entry(InstanceId(row.instance_id)).or_default().push(sinks::stored(row)?);
        }
        Ok(all)
    }

    /// Changes an instance, whoever owns it. A running instance's own changes go through the
    /// writer.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn update(&self, id: InstanceId, update: &InstanceUpdate) -> Result<(), Error> {
        let row = Entity::update_many()
            .set(changes(update, self.pools.now())?)
            // MySQL counts changed rows: without a difference the row would seem to be absent.
            .col_expr(Column::EventSequence, Expr::col(Column::EventSequence))
            .filter(Column::Id.eq(id.0))
            .filter(Column::DeletedAt.is_null());
        if row.exec(self.pools.write()).await?.rows_affected == 0 && self.by_id(id).await?.is_none() {
            return Err(Error::NotFound);
        }
        Ok(())
    }

    /// Deletes an instance for every reader at once: its name and its token are free, and later
    /// writes for it are [`Error::Fenced`]. Its rows go with [`Instances::purge_next`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn mark_deleted(&self, id: InstanceId) -> Result<(), Error> {
        let now = self.pools.now();
        let row = Entity::update_many()
            // In this order: MySQL sees earlier assignments of the same statement.
            .col_expr(Column::FormerName, Expr::col(Column::Name))
            .col_expr(Column::Name, Expr::value(None::<String>))
            .col_expr(Column::TokenHash, Expr::value(None::<String>))
            .col_expr(Column::Token, Expr::value(""))
            .col_expr(Column::OwnerNode, Expr::value(None::<String>))
            .col_expr(Column::Fence, Expr::col(Column::Fence).add(1))
            .col_expr(Column::DeletedAt, Expr::value(Some(now)))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(id.0))
            .filter(Column::DeletedAt.is_null());
        match row.exec(self.pools.write()).await?.rows_affected {
            0 => Err(Error::NotFound),
            _ => Ok(()),
        }
    }

    /// Removes up to `chunk` rows of deleted instances of a client name; answers whether there may be more
    /// now. Rows of files stay until the files are gone, which is up to those who keep them. Undelivered events of a deleted instance keep a day to be delivered. Expired records of every
    /// instance's key material go with it. Meant to be called every minute or so, and again at once
    /// while it answers `true`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purge_next(&self, client_name: &str, chunk: u64) -> Result<bool, Error> {
        purge::next(&self.pools, client_name, chunk).await
    }

    async fn one(&self, condition: Expr) -> Result<Option<Instance>, Error> {
        alive().filter(condition).one(self.pools.read()).await?.map(rows::stored).transpose()
    }

    async fn many(&self, some: Select<Entity>) -> Result<Vec<Instance>, Error> {
        let rows = some.order_by_asc(Column::Name).all(self.pools.read()).await?;
        rows.into_iter().map(rows::stored).collect()
    }
}

fn alive() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAt.is_null())
}

fn matching(filter: &InstanceFilter) -> Select<Entity> {
    let mut some = alive();
    if let Some(name) = &filter.name {
        some = some.filter(Column::Name.eq(name.as_str()));
    }
    if let Some(id) = filter.id {
        some = some.filter(Column::Id.eq(id.0));
    }
    if let Some(client_name) = &filter.client_name {
        some = some.filter(Column::ClientName.eq(client_name));
    }
    if let Some(number) = &filter.number {
        let jid = format!("{number}@s.whatsapp.net");
        some = some.filter(Condition::any().add(Column::Number.eq(number)).add(Column::OwnerJid.eq(jid)));
    }
    some
}

fn one_of(column: impl ColumnTrait, ids: &[InstanceId]) -> Expr {
    column.is_in(ids.iter().map(|id| id.0))
}

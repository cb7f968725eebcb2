//! Files of messages over all instances of a client name: what is to be kept, and what is to be removed.
//!
//! A client name has one store. Whoever does not belong to it cannot remove its files, and so must not
//! forget them.

use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::Error;
use super::entity::instance;
use super::entity::media::{Column, Entity};
use super::media::{FAILED, LEAVING, PENDING, STORED};
use super::pools::Pools;
use crate::domain::InstanceId;

/// The files of all instances of a client name, for those who keep them.
#[derive(Clone)]
pub struct AllMedia {
    pub(super) pools: Pools,
    pub(super) client_name: String,
}

/// A file that is to be removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// The row.
    pub id: Uuid,
    /// Whose it is.
    pub instance: InstanceId,
    /// Its name in the store; `None` when it was never noted to be there.
    pub file_name: Option<String>,
    /// Whether everything of its instance is to be removed.
    pub is_instance_deleted: bool,
    /// Attempts to remove it that failed.
    pub attempts: i32,
}

impl AllMedia {
    /// The instances of which files are to be brought to the store by `now` (unix milliseconds).
    ///
    /// # Errors
    /// [`Error::Unavailable`], here and below.
    pub async fn instances_due(&self, now: i64) -> Result<Vec<InstanceId>, Error> {
        let rows = Entity::find().select_only().column(Column::InstanceId).distinct();
        let rows = rows.filter(Column::State.eq(PENDING)).filter(Column::DueAt.lte(now));
        let rows = rows.filter(Column::InstanceId.in_subquery(self.alive()));
        let rows = rows.into_tuple::<Uuid>();
        Ok(rows.all(self.pools.read()).await?.into_iter().map(InstanceId).collect())
    }

    /// How many files are not in the store yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn pending(&self) -> Result<u64, Error> {
        let rows = Entity::find().filter(Column::State.eq(PENDING));
        let rows = rows.filter(Column::InstanceId.in_subquery(self.alive()));
        Ok(rows.count(self.pools.read()).await?)
    }

    /// Lets files of deleted instances leave, at most so many; answers how many those were. Those that have a
    /// name are due at `now`, the others at `later` (unix milliseconds).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn condemn(&self, now: i64, later: i64, limit: u64) -> Result<u64, Error> {
        let deleted: Vec<Uuid> = self.deleted().into_tuple().all(self.pools.read()).await?;
        if deleted.is_empty() {
            return Ok(0);
        }
        let rows = Entity::find().select_only().columns([Column::Id, Column::FileName]);
        let rows = rows.filter(Column::InstanceId.is_in(deleted));
        let rows = rows.filter(Column::State.is_in([PENDING, STORED, FAILED])).limit(limit);
        let rows: Vec<(Uuid, Option<String>)> = rows.into_tuple().all(self.pools.read()).await?;
        for (has_name, due_at) in [(true, now), (false, later)] {
            let those = rows.iter().filter(|(_, name)| name.is_some() == has_name);
            let ids: Vec<Uuid> = those.map(|(id, _)| *id).collect();
            if ids.is_empty() {
                continue;
            }
            let update = Entity::update_many()
                .col_expr(Column::State, Expr::value(LEAVING))
                .col_expr(Column::Attempts, Expr::value(0))
                .col_expr(Column::DueAt, Expr::value(due_at))
                .filter(Column::Id.is_in(ids));
            update.exec(self.pools.write()).await?;
        }
        Ok(rows.len() as u64)
    }

    /// Rows whose time is over by `now` (unix milliseconds), or whose instance is deleted: what is due
    /// longest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn leaving(&self, now: i64, limit: u64) -> Result<Vec<Leaving>, Error> {
        let columns = [Column::Id, Column::InstanceId, Column::FileName, Column::State, Column::Attempts];
        let rows = Entity::find().select_only().columns(columns);
        let rows = rows.filter(Column::State.is_in([STORED, FAILED, LEAVING])).filter(Column::DueAt.lte(now));
        let rows = rows.filter(Column::InstanceId.in_subquery(QueryTrait::into_query(self.instances())));
        let rows = rows.order_by_asc(Column::DueAt).order_by_asc(Column::Id).limit(limit).into_tuple();
        let rows: Vec<(Uuid, Uuid, Option<String>, i32, i32)> = rows.all(self.pools.read()).await?;
        let leaving = |(id, instance, file_name, state, attempts)| Leaving {
            id,
            instance: InstanceId(instance),
            file_name,
            is_instance_deleted: state == LEAVING,
            attempts,
        };
        Ok(rows.into_iter().map(leaving).collect())
    }

    /// Takes rows for oneself until some time (unix milliseconds); answers whether any was still to be had.
    /// Several nodes look for them: what one works on is not due for the others.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take(&self, ids: &[Uuid], now: i64, until: i64) -> Result<bool, Error> {
        let rows = Entity::update_many().col_expr(Column::DueAt, Expr::value(until));
        let rows = rows.filter(Column::Id.is_in(ids.iter().copied())).filter(Column::DueAt.lte(now));
        let rows = rows.filter(Column::State.is_in([STORED, FAILED, LEAVING]));
        Ok(rows.exec(self.pools.write()).await?.rows_affected > 0)
    }

    /// Notes that a file could not be removed, and when that is tried again (unix milliseconds).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn postpone(&self, id: Uuid, attempts: i32, due_at: i64, why: &str) -> Result<(), Error> {
        let row = Entity::update_many()
            .col_expr(Column::Attempts, Expr::value(attempts))
            .col_expr(Column::DueAt, Expr::value(due_at))
            .col_expr(Column::Problem, Expr::value(why))
            .filter(Column::Id.eq(id));
        row.exec(self.pools.write()).await?;
        Ok(())
    }

    /// Removes rows whose files are gone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget(&self, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let rows = Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied()));
        rows.exec(self.pools.write()).await?;
        Ok(())
    }

    fn instances(&self) -> Select<instance::Entity> {
        let rows = instance::Entity::find().select_only().column(instance::Column::Id);
        rows.filter(instance::Column::ClientName.eq(self.client_name.as_str()))
    }

    fn alive(&self) -> SelectStatement {
        QueryTrait::into_query(self.instances().filter(instance::Column::DeletedAt.is_null()))
    }

    fn deleted(&self) -> Select<instance::Entity> {
        self.instances().filter(instance::Column::DeletedAt.is_not_null())
    }
}

//! Counted signs of life of the nodes, for those that cannot see them elsewhere.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::Error;
use super::entity::node::{ActiveModel, Column, Entity};
use super::pools::Pools;
use crate::domain::NodeId;

/// Queries over the nodes' counters.
#[derive(Clone)]
pub struct Nodes {
    pub(super) pools: Pools,
}

impl Nodes {
    /// Counts a sign of life of a node.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_beat(&self, client_name: &str, node: &NodeId) -> Result<(), Error> {
        let row =
            ActiveModel { client_name: Set(client_name.to_owned()), id: Set(node.0.clone()), beats: Set(1) };
        let more = Expr::col((Entity, Column::Beats)).add(1);
        let counted =
            OnConflict::columns([Column::ClientName, Column::Id]).value(Column::Beats, more).to_owned();
        Entity::insert(row).on_conflict(counted).exec_without_returning(self.pools.write()).await?;
        Ok(())
    }

    /// The counters of a client name's nodes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn beats(&self, client_name: &str) -> Result<BTreeMap<String, i64>, Error> {
        let rows = Entity::find().filter(Column::ClientName.eq(client_name));
        let rows = rows.all(self.pools.read()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.beats)).collect())
    }

    /// Removes a node's counter.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove(&self, client_name: &str, node: &NodeId) -> Result<(), Error> {
        let key = (client_name.to_owned(), node.0.clone());
        Entity::delete_by_id(key).exec(self.pools.write()).await?;
        Ok(())
    }
}

//! What is known of the groups of one instance.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::entity::group_metadata::{Column, Entity, Model};
use super::{Error, Scope};

/// Queries over the known groups of one instance.
#[derive(Clone)]
pub struct Groups {
    pub(super) scope: Scope,
}

/// A group as a channel describes it, in its own form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRow {
    /// Everything but the members, as JSON text.
    pub metadata: String,
    /// The members, as JSON text; empty where they were not asked for.
    pub members: String,
    /// When WhatsApp was asked for it, in unix milliseconds.
    pub fetched_at: i64,
}

impl Groups {
    /// One group.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, jid: &str) -> Result<Option<GroupRow>, Error> {
        let row = self.rows().filter(Column::Jid.eq(jid)).one(self.scope.pools.read()).await?;
        Ok(row.map(GroupRow::from))
    }

    /// Some of them by their addresses, without their members; unknown ones are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_jids(&self, jids: &[&str]) -> Result<HashMap<String, GroupRow>, Error> {
        if jids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.rows().filter(Column::Jid.is_in(jids.iter().copied()));
        let rows = without_members(rows).all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(|row| (row.jid.clone(), GroupRow::from(row))).collect())
    }

    /// All of them in the order of their addresses, with or without their members.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all(&self, with_members: bool) -> Result<Vec<GroupRow>, Error> {
        let mut rows = self.rows().order_by_asc(Column::Jid);
        if !with_members {
            rows = without_members(rows);
        }
        Ok(rows.all(self.scope.pools.read()).await?.into_iter().map(GroupRow::from).collect())
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }
}

fn without_members(rows: Select<Entity>) -> Select<Entity> {
    let columns = [Column::InstanceId, Column::Jid, Column::Metadata, Column::FetchedAt];
    rows.select_only().columns(columns).expr_as(Expr::cust("''"), "members")
}

impl From<Model> for GroupRow {
    fn from(Model { metadata, members, fetched_at, .. }: Model) -> Self {
        Self { metadata, members, fetched_at }
    }
}

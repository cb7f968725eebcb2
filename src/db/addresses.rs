//! Which hidden identity has which phone number, per instance.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::entity::address::{Column, Entity, Model};
use super::{Error, Scope};

/// Queries over the known pairs of one instance.
#[derive(Clone)]
pub struct Addresses {
    pub(super) scope: Scope,
}

/// Two forms of one user's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Hidden identity.
    pub lid: String,
    /// Phone number address.
    pub pn: String,
}

impl Addresses {
    /// The pairs that have any of these addresses, in either form.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn pairs_of(&self, jids: &[String]) -> Result<Vec<Pair>, Error> {
        if jids.is_empty() {
            return Ok(Vec::new());
        }
        let either = Condition::any().add(Column::Lid.is_in(jids)).add(Column::Pn.is_in(jids));
        self.pairs(self.rows().filter(either)).await
    }

    /// Up to `limit` pairs, to warm a cache.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all(&self, limit: u64) -> Result<Vec<Pair>, Error> {
        self.pairs(self.rows().order_by_asc(Column::Lid).limit(limit)).await
    }

    fn rows(&self) -> Select<Entity> {
        Entity::find().filter(self.scope.owns(Column::InstanceId))
    }

    async fn pairs(&self, rows: Select<Entity>) -> Result<Vec<Pair>, Error> {
        let rows = rows.all(self.scope.pools.read()).await?;
        Ok(rows.into_iter().map(|Model { lid, pn, .. }| Pair { lid, pn }).collect())
    }
}

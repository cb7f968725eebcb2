//! Who has which instance: claims by compare-and-set, and where to find one.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::types::{Located, Ownership};
use super::{Instances, alive, one_of, rows};
use crate::db::Error;
use crate::db::entity::instance::{Column, Entity};
use crate::domain::{Fence, Instance, InstanceId, InstanceName, NodeId};

impl Instances {
    /// Who has which instance of a client name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_owners(&self, client_name: &str) -> Result<Vec<Ownership>, Error> {
        let rows = alive().filter(Column::ClientName.eq(client_name)).order_by_asc(Column::Name);
        let rows: Vec<rows::OwnershipRow> = rows
            .select_only()
            .columns([
                Column::Id,
                Column::Name,
                Column::ClientName,
                Column::OwnerNode,
                Column::PinnedNode,
                Column::Fence,
                Column::Paired,
            ])
            .into_tuple()
            .all(self.pools.read())
            .await?;
        rows.into_iter().map(rows::ownership).collect()
    }

    /// How many instances each node has, by client name and node.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_owner_counts(&self) -> Result<HashMap<(String, String), i64>, Error> {
        let counted = alive()
            .select_only()
            .columns([Column::ClientName, Column::OwnerNode])
            .column_as(Column::Id.count(), "instances")
            .filter(Column::OwnerNode.is_not_null())
            .group_by(Column::ClientName)
            .group_by(Column::OwnerNode);
        let rows: Vec<(String, String, i64)> = counted.into_tuple().all(self.pools.read()).await?;
        Ok(rows.into_iter().map(|(client_name, node, count)| ((client_name, node), count)).collect())
    }

    /// The deleted instances of a client name that still leave something behind.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_deleted_of(&self, client_name: &str) -> Result<Vec<InstanceId>, Error> {
        let rows = Entity::find().select_only().column(Column::Id).filter(Column::DeletedAt.is_not_null());
        let rows = rows.filter(Column::ClientName.eq(client_name)).into_tuple::<uuid::Uuid>();
        Ok(rows.all(self.pools.read()).await?.into_iter().map(InstanceId).collect())
    }

    /// Those of some instances that are of a client name and have no owner.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_free(&self, client_name: &str, ids: &[InstanceId]) -> Result<Vec<Instance>, Error> {
        let free = alive().filter(one_of(Column::Id, ids)).filter(Column::OwnerNode.is_null());
        self.many(free.filter(Column::ClientName.eq(client_name))).await
    }

    /// Makes a node the owner if nobody claimed the instance since `expected`; answers with the
    /// new claim.
    ///
    /// # Errors
    /// [`Error::Fenced`] when somebody did, [`Error::NotFound`] for an absent or deleted instance,
    /// [`Error::Unavailable`].
    pub async fn claim(&self, id: InstanceId, node: &NodeId, expected: Fence) -> Result<Fence, Error> {
        let claim = Fence(expected.0 + 1);
        let row = Entity::update_many()
            .col_expr(Column::Fence, Expr::value(claim.0))
            .col_expr(Column::OwnerNode, Expr::value(Some(node.0.clone())))
            .filter(Column::Id.eq(id.0))
            .filter(Column::Fence.eq(expected.0))
            .filter(Column::DeletedAt.is_null());
        if row.exec(self.pools.write()).await?.rows_affected == 1 {
            return Ok(claim);
        }
        match self.by_id(id).await? {
            Some(_) => Err(Error::Fenced),
            None => Err(Error::NotFound),
        }
    }

    /// Gives an instance up under a claim, which stays the newest one. Answers whether the claim
    /// was still the newest.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn release(&self, id: InstanceId, claim: Fence) -> Result<bool, Error> {
        let row = Entity::update_many()
            .col_expr(Column::OwnerNode, Expr::value(None::<String>))
            .filter(Column::Id.eq(id.0))
            .filter(Column::Fence.eq(claim.0))
            .filter(Column::OwnerNode.is_not_null())
            .filter(Column::DeletedAt.is_null());
        Ok(row.exec(self.pools.write()).await?.rows_affected == 1)
    }

    /// Whether a claim is the newest one of an instance that is not deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_newest(&self, id: InstanceId, claim: Fence) -> Result<bool, Error> {
        let row = alive().select_only().column(Column::Fence).filter(Column::Id.eq(id.0));
        let fence: Option<i64> = row.into_tuple().one(self.pools.read()).await?;
        Ok(fence == Some(claim.0))
    }

    /// Where the instance of a name is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn locate(&self, name: &InstanceName) -> Result<Option<Located>, Error> {
        self.locate_where(Column::Name.eq(name.as_str())).await
    }

    /// Where the instance of a token is, by the token's SHA-256 as 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn locate_by_token(&self, hash: &str) -> Result<Option<Located>, Error> {
        self.locate_where(Column::TokenHash.eq(hash)).await
    }

    async fn locate_where(&self, condition: Expr) -> Result<Option<Located>, Error> {
        let row = alive().filter(condition).select_only().columns([
            Column::Id,
            Column::Name,
            Column::ClientName,
            Column::OwnerNode,
            Column::TokenHash,
        ]);
        let row: Option<rows::LocatedRow> = row.into_tuple().one(self.pools.read()).await?;
        row.map(rows::located).transpose()
    }

    /// Gives an instance to the nodes of another client name, once its owner has released it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn set_client_name(&self, id: InstanceId, client_name: &str) -> Result<(), Error> {
        self.set(id, Column::ClientName, Expr::value(client_name)).await
    }

    /// Says on which node an operator wants an instance; `None` leaves it to the placement.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn pin(&self, id: InstanceId, node: Option<&NodeId>) -> Result<(), Error> {
        self.set(id, Column::PinnedNode, Expr::value(node.map(|node| node.0.clone()))).await
    }

    async fn set(&self, id: InstanceId, column: Column, value: Expr) -> Result<(), Error> {
        let row = Entity::update_many().col_expr(column, value);
        let row = row.filter(Column::Id.eq(id.0)).filter(Column::DeletedAt.is_null());
        // MySQL counts changed rows: without a difference the row would seem to be absent.
        if row.exec(self.pools.write()).await?.rows_affected == 0 && self.by_id(id).await?.is_none() {
            return Err(Error::NotFound);
        }
        Ok(())
    }
}

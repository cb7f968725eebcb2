//! Signs of life of nodes, and instances that an operator pins to one.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, primary, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let node = c
            .table("node")
            .col(string("client_name", 100).not_null())
            .col(string("id", 100).not_null())
            // Signs of life that reached Redis: a node that is cut off from there sees by it whether
            // the others are too.
            .col(big("beats").not_null())
            .primary_key(&mut primary(&["client_name", "id"]))
            .to_owned();
        manager.create_table(node).await?;
        let mut pin = Table::alter();
        pin.table("instance").add_column(string("pinned_node", 100).null());
        manager.alter_table(pin).await
    }
}

//! What is known of groups.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, id, primary, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let group = c
            .table("group_metadata")
            .col(id("instance_id"))
            .col(string("jid", 128).not_null())
            .col(c.text("metadata").not_null())
            // Apart, since a list of groups is mostly wanted without them.
            .col(c.text("members").not_null())
            .col(big("fetched_at").not_null())
            .primary_key(&mut primary(&["instance_id", "jid"]))
            .to_owned();
        manager.create_table(group).await
    }
}

//! Protocol key material.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, id, index, primary, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let record = c
            .table("session_record")
            .col(id("instance_id"))
            .col(string("kind", 32).not_null())
            .col(c.key_bytes("record_key", 255).not_null())
            .col(c.blob("value").not_null())
            .col(big("expires_at").null())
            .primary_key(&mut primary(&["instance_id", "kind", "record_key"]))
            .to_owned();
        manager.create_table(record).await?;
        manager.create_index(index("ix_session_expiry", "session_record", &["expires_at"])).await
    }
}

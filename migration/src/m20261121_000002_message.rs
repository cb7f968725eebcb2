//! Messages.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, flag, id, index, string, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let mut status = ColumnDef::new("status");
        status.small_integer().not_null();
        let message = c
            .table("message")
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("key_id", 128).not_null())
            .col(string("remote_jid", 128).not_null())
            .col(string("remote_jid_alt", 128).null())
            .col(flag("from_me"))
            // Empty and not NULL where there is no sender: NULLs are distinct in a unique index.
            .col(string("participant", 128).not_null().default(""))
            .col(c.text("push_name").null())
            .col(status)
            .col(string("updates", 255).not_null().default(""))
            .col(string("message_type", 64).not_null())
            .col(c.text("message").not_null())
            .col(c.text("context_info").null())
            // Unix seconds.
            .col(big("message_timestamp").not_null())
            .col(string("source", 16).not_null())
            .col(string("idempotency_key", 255).null())
            .col(flag("deleted"))
            .col(big("created_at").not_null())
            .to_owned();
        manager.create_table(message).await?;
        let key = &["instance_id", "key_id", "remote_jid", "from_me", "participant"];
        for index in [
            unique("uq_message_key", "message", key),
            unique("uq_message_idempotency", "message", &["instance_id", "idempotency_key"]),
            index("ix_message_chat", "message", &["instance_id", "remote_jid", "message_timestamp", "id"]),
            index("ix_message_time", "message", &["instance_id", "message_timestamp", "id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

//! Events that wait for delivery, and those that could not be delivered.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, id, index, int, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let outbox = c
            .table("outbox")
            .col(big("id").not_null().auto_increment().primary_key())
            .col(id("instance_id"))
            .col(string("sink", 16).not_null())
            .col(id("event_id"))
            .col(string("kind", 48).not_null())
            .col(string("chat", 128).null())
            .col(big("sequence").not_null())
            .col(c.text("data").not_null())
            .col(big("event_time").not_null())
            .col(int("attempt").not_null().default(0))
            .col(big("due_at").not_null().default(0))
            .col(big("created_at").not_null())
            .to_owned();
        let dead_letter = c
            .table("dead_letter")
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("sink", 16).not_null())
            .col(id("event_id"))
            .col(string("kind", 48).not_null())
            .col(string("chat", 128).null())
            .col(big("sequence").not_null())
            .col(c.text("data").not_null())
            .col(big("event_time").not_null())
            .col(c.text("target").not_null())
            .col(int("attempts").not_null())
            .col(int("last_status").null())
            .col(c.text("last_error").null())
            .col(big("created_at").not_null())
            .to_owned();
        manager.create_table(outbox).await?;
        manager.create_table(dead_letter).await?;
        for index in [
            index("ix_outbox_sink", "outbox", &["sink", "id"]),
            index("ix_outbox_instance", "outbox", &["instance_id"]),
            index("ix_dead_letter_instance", "dead_letter", &["instance_id", "created_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

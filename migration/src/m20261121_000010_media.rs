//! Files of messages that are kept, or are to be.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, id, index, int, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let media = c
            .table("media")
            // That of the message: it has one file at most.
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("kind", 16).not_null())
            // 0 is to be stored, 1 is stored, 2 cannot be had.
            .col(int("state").not_null())
            .col(int("attempts").default(0))
            // Unix milliseconds of the next attempt, or from which on the file or the row is removed.
            .col(big("due_at").not_null())
            .col(string("mimetype", 255).null())
            .col(c.text("file_name").null())
            .col(c.text("download_as").null())
            .col(big("bytes").null())
            .col(c.text("problem").null())
            .col(big("created_at").not_null())
            .to_owned();
        manager.create_table(media).await?;
        manager.create_index(index("ix_media_instance", "media", &["instance_id", "due_at"])).await?;
        // Counting what is to be stored must not look at what is.
        manager.create_index(index("ix_media_due", "media", &["state", "due_at", "instance_id"])).await
    }
}

//! Labels, which chats have them, and what the account's devices agreed on about a chat.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, flag, id, int, primary, string, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let label = c
            .table("label")
            .col(id("instance_id"))
            .col(string("label_id", 64).not_null())
            .col(c.text("name").not_null())
            .col(int("color").not_null())
            .col(string("predefined_id", 64).null())
            .col(big("created_at").not_null())
            .col(big("updated_at").not_null())
            .primary_key(&mut primary(&["instance_id", "label_id"]))
            .to_owned();
        let label_chat = c
            .table("label_chat")
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("label_id", 64).not_null())
            .col(string("remote_jid", 128).not_null())
            .to_owned();
        manager.create_table(label).await?;
        manager.create_table(label_chat).await?;
        let key = &["instance_id", "remote_jid", "label_id"];
        manager.create_index(unique("uq_label_chat", "label_chat", key)).await?;
        // SQLite adds one column per statement.
        for mut column in [
            flag("archived").default(false).to_owned(),
            flag("pinned").default(false).to_owned(),
            // Unix milliseconds; -1 is for ever.
            big("muted_until").null().to_owned(),
        ] {
            manager.alter_table(Table::alter().table("chat").add_column(&mut column).to_owned()).await?;
        }
        Ok(())
    }
}

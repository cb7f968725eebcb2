//! Parts of a history that a phone has announced and that are not recorded yet.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, id, int, primary, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let spool = c
            .table("history_spool")
            .col(id("instance_id"))
            // WhatsApp's id of the message that announced it.
            .col(string("message_id", 128).not_null())
            // The phone number of the account: the instance may be linked to another one later.
            .col(string("account", 64).not_null())
            // As the phone sent it: where the part is and its key, or the part itself.
            .col(c.blob("notice").not_null())
            // How many of its chats are recorded.
            .col(int("done").not_null().default(0))
            .col(big("created_at").not_null())
            .primary_key(&mut primary(&["instance_id", "message_id"]))
            .to_owned();
        manager.create_table(spool).await
    }
}

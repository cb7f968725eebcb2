//! Chats, contacts, and which hidden identity has which phone number.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, flag, id, index, int, primary, string, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let chat = c
            .table("chat")
            .col(id("instance_id"))
            .col(string("remote_jid", 128).not_null())
            .col(id("id"))
            .col(string("remote_jid_alt", 128).null())
            .col(c.text("name").null())
            .col(int("unread_count").not_null())
            .col(ColumnDef::new("last_message_id").uuid().null())
            // Unix seconds.
            .col(big("last_message_at").null())
            .col(big("created_at").not_null())
            .col(big("updated_at").not_null())
            .primary_key(&mut primary(&["instance_id", "remote_jid"]))
            .to_owned();
        let contact = c
            .table("contact")
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("remote_jid", 128).not_null())
            .col(string("remote_jid_alt", 128).null())
            .col(c.text("push_name").null())
            .col(c.text("saved_name").null())
            .col(c.text("profile_pic_url").null())
            .col(flag("is_saved"))
            .col(big("created_at").not_null())
            .col(big("updated_at").not_null())
            .to_owned();
        let address = c
            .table("address")
            .col(id("instance_id"))
            .col(string("lid", 128).not_null())
            .col(string("pn", 128).not_null())
            .primary_key(&mut primary(&["instance_id", "lid"]))
            .to_owned();
        manager.create_table(chat).await?;
        manager.create_table(contact).await?;
        manager.create_table(address).await?;
        for index in [
            index("ix_chat_time", "chat", &["instance_id", "last_message_at"]),
            unique("uq_contact_jid", "contact", &["instance_id", "remote_jid"]),
            index("ix_address_pn", "address", &["instance_id", "pn"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

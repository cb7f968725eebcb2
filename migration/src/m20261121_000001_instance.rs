//! Instances and their sinks.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, big, flag, id, index, int, string, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let instance = c
            .table("instance")
            .col(id("id").primary_key())
            // NULL once deleted, like the hash of the token: the name is free again, and every
            // database allows any number of NULLs in a unique index.
            .col(string("name", 100).null())
            // What it was called, for the events that still wait once it is deleted.
            .col(string("former_name", 100).null())
            .col(string("client_name", 100).not_null())
            .col(string("integration", 40).not_null())
            .col(c.text("token").not_null())
            .col(string("token_hash", 64).null())
            .col(c.text("number").null())
            .col(c.text("business_id").null())
            .col(string("owner_jid", 128).null())
            .col(string("owner_lid", 128).null())
            .col(c.text("profile_name").null())
            .col(c.text("profile_pic_url").null())
            .col(string("state", 16).not_null())
            .col(flag("paired"))
            .col(int("disconnection_code").null())
            .col(c.text("disconnection_object").null())
            .col(big("disconnection_at").null())
            .col(c.text("settings").not_null())
            .col(string("owner_node", 100).null())
            .col(big("fence").not_null())
            .col(big("event_sequence").not_null())
            .col(big("created_at").not_null())
            .col(big("updated_at").not_null())
            .col(big("deleted_at").null())
            .to_owned();
        let sink = c
            .table("sink")
            .col(id("id").primary_key())
            .col(id("instance_id"))
            .col(string("kind", 16).not_null())
            .col(flag("enabled"))
            .col(c.text("events").not_null())
            .col(c.text("options").not_null())
            .col(big("created_at").not_null())
            .col(big("updated_at").not_null())
            .to_owned();
        manager.create_table(instance).await?;
        manager.create_table(sink).await?;
        for index in [
            unique("uq_instance_name", "instance", &["name"]),
            unique("uq_instance_token_hash", "instance", &["token_hash"]),
            index("ix_instance_client", "instance", &["client_name", "deleted_at"]),
            index("ix_instance_deleted", "instance", &["deleted_at"]),
            unique("uq_sink_kind", "sink", &["instance_id", "kind"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

//! What messages are searched by, and how many rows instances have.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{Columns, big};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// What is counted in an instance's row: the column, and the table.
const COUNTS: [(&str, &str); 3] =
    [("message_count", "message"), ("chat_count", "chat"), ("contact_count", "contact")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for (column, table) in COUNTS {
            let mut alter = Table::alter();
            manager
                .alter_table(alter.table("instance").add_column(big(column).not_null().default(0)).take())
                .await?;
            let count = format!("SELECT COUNT(*) FROM {table} AS t WHERE t.instance_id = instance.id");
            connection.execute_unprepared(&format!("UPDATE instance SET {column} = ({count})")).await?;
        }
        // The owner and the words of the message, apart by spaces; NULL without words.
        let mut search = Columns::of(manager).text("search");
        let mut alter = Table::alter();
        manager.alter_table(alter.table("message").add_column(search.null()).take()).await?;
        let index = match manager.get_database_backend() {
            DbBackend::Postgres => {
                "CREATE INDEX ix_message_search ON message USING GIN \
                 (array_to_tsvector(string_to_array(search, ' '))) WHERE search IS NOT NULL"
            }
            DbBackend::MySql => "CREATE FULLTEXT INDEX ix_message_search ON message (search)",
            // Looked through along the index by time.
            _ => return Ok(()),
        };
        connection.execute_unprepared(index).await?;
        Ok(())
    }
}

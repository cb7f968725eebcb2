//! Messages by their type along an index, words that are stored behind a mark of their instance, and how far a
//! history is with an event that tells a part of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{Columns, index};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let newest = &["instance_id", "message_type", "message_timestamp", "id"];
        manager.create_index(index("ix_message_type", "message", newest)).await?;
        // It was `t`, the 32 digits of the instance's id, and ` ww` before each word; the mark is `t` and the
        // first 8 digits.
        let mark = match manager.get_database_backend() {
            DbBackend::MySql => "CONCAT(' ', SUBSTR(search, 1, 9))",
            _ => "' ' || SUBSTR(search, 1, 9)",
        };
        let marked = format!(
            "UPDATE message SET search = SUBSTR(REPLACE(search, ' ww', {mark}), 35) WHERE search IS NOT NULL"
        );
        let (drop, create) = match manager.get_database_backend() {
            DbBackend::Postgres => (
                "DROP INDEX ix_message_search",
                "CREATE INDEX ix_message_search ON message USING GIN \
                 (array_to_tsvector(string_to_array(search, ' '))) WHERE search IS NOT NULL",
            ),
            DbBackend::MySql => (
                "DROP INDEX ix_message_search ON message",
                "CREATE FULLTEXT INDEX ix_message_search ON message (search)",
            ),
            _ => ("", ""),
        };
        for statement in [drop, &marked, create].into_iter().filter(|statement| !statement.is_empty()) {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        for table in ["outbox", "dead_letter"] {
            let mut history = Columns::of(manager).text("history");
            manager.alter_table(Table::alter().table(table).add_column(history.null()).to_owned()).await?;
        }
        Ok(())
    }
}

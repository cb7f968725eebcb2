//! Schema of Waggle's database, the same on PostgreSQL, MySQL/MariaDB and SQLite.
//!
//! Owns the tables and their indexes; must not know the queries. To add a change: a file named by
//! date and purpose, and a line in [`Migrator`]; a released file is never edited.
//!
//! There are no foreign keys: the rows of a deleted instance go in bounded chunks long after it is
//! invisible, and a cascade would be one transaction over millions of rows. Times are unix
//! milliseconds as BIGINT unless a column says otherwise, JSON is text.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod columns;
mod m20261121_000001_instance;
mod m20261121_000002_message;
mod m20261121_000003_directory;
mod m20261121_000004_session_record;
mod m20261121_000005_outbox;
mod m20261121_000006_cluster;
mod m20261121_000007_search;
mod m20261121_000008_group_metadata;
mod m20261121_000009_labels;
mod m20261121_000010_media;
mod m20261121_000011_lookup_and_history;
mod m20261122_000012_media_lists;
mod m20261122_000013_history_spool;

/// Every change of the schema, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_instance::Migration),
            Box::new(m20261121_000002_message::Migration),
            Box::new(m20261121_000003_directory::Migration),
            Box::new(m20261121_000004_session_record::Migration),
            Box::new(m20261121_000005_outbox::Migration),
            Box::new(m20261121_000006_cluster::Migration),
            Box::new(m20261121_000009_labels::Migration),
            Box::new(m20261121_000008_group_metadata::Migration),
            Box::new(m20261121_000007_search::Migration),
            Box::new(m20261121_000010_media::Migration),
            Box::new(m20261121_000011_lookup_and_history::Migration),
            Box::new(m20261122_000012_media_lists::Migration),
            Box::new(m20261122_000013_history_spool::Migration),
        ]
    }
}

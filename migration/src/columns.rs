//! Columns that differ between the databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Makes tables and columns for one database.
#[derive(Clone, Copy)]
pub struct Columns(DbBackend);

impl Columns {
    pub fn of(manager: &SchemaManager<'_>) -> Self {
        Self(manager.get_database_backend())
    }

    /// A table whose texts compare byte by byte, as PostgreSQL and SQLite do anyway: the names of
    /// instances and WhatsApp's ids are case-sensitive.
    pub fn table(self, name: &'static str) -> TableCreateStatement {
        let mut table = Table::create();
        table.table(name).if_not_exists();
        if self.0 == DbBackend::MySql {
            table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        }
        table
    }

    /// Text without a limit; MySQL's TEXT ends at 64 KiB.
    pub fn text(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.0 == DbBackend::MySql {
            column.custom("LONGTEXT")
        } else {
            column.text()
        };
        column
    }

    /// Bytes without a limit.
    pub fn blob(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.0 == DbBackend::MySql {
            column.custom("LONGBLOB")
        } else {
            column.blob()
        };
        column
    }

    /// Bytes of a key; MySQL must know the width to index them.
    pub fn key_bytes(self, name: &'static str, width: u32) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.0 == DbBackend::MySql {
            column.var_binary(width)
        } else {
            column.blob()
        };
        column
    }
}

pub fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

pub fn string(name: &'static str, width: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(width);
    column
}

pub fn big(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer();
    column
}

pub fn int(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.integer();
    column
}

pub fn flag(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.boolean().not_null();
    column
}

/// An index made with its own statement, since SQLite has no index inside a table's.
pub fn index(name: &str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

pub fn unique(name: &str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, table, columns).unique().to_owned()
}

pub fn primary(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.primary();
    for column in columns {
        index.col(*column);
    }
    index
}

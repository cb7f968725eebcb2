//! Statements over many rows, in the three dialects. Their texts differ only by the number of rows,
//! which comes in few sizes, so that every connection keeps them prepared.

use std::fmt::Write as _;

use sea_orm::DbBackend;

/// Rows of one statement: what is written is cut into these, largest first.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// What a column of a list of values holds. MySQL cannot tell from a bare parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Id,
    Text,
    Bytes,
    Number,
}

pub type Columns = [(&'static str, Type)];

/// What happens to a row whose key exists.
#[derive(Clone, Copy)]
pub enum Conflict {
    Fail,
    Replace { key: &'static [&'static str], set: &'static [&'static str] },
}

/// Cuts rows into pieces of the fixed sizes.
pub fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// How many keys a lookup asks for so that `len` fit: keys may be asked for twice, rows may not be
/// written twice.
pub fn padded(len: usize) -> usize {
    SIZES.into_iter().rev().find(|size| *size >= len).unwrap_or(SIZES[0])
}

/// Most keys of one lookup.
pub const LOOKUP: usize = SIZES[0];

pub fn insert(backend: DbBackend, table: &str, columns: &[&str], rows: usize, conflict: Conflict) -> String {
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    tuples(&mut sql, backend, columns.len(), rows);
    if let Conflict::Replace { key, set } = conflict {
        if backend == DbBackend::MySql {
            sql.push_str(" ON DUPLICATE KEY UPDATE ");
            list(&mut sql, set.iter().map(|column| format!("{column} = VALUES({column})")));
        } else {
            let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET ", key.join(", "));
            list(&mut sql, set.iter().map(|column| format!("{column} = excluded.{column}")));
        }
    }
    sql
}

/// Rows `t` whose keys are in the list.
pub fn lookup(backend: DbBackend, table: &str, select: &[&str], keys: &Columns, rows: usize) -> String {
    let mut picked = String::new();
    list(&mut picked, select.iter().map(|column| format!("t.{column}")));
    let on = matches(keys);
    if backend == DbBackend::MySql {
        return format!("SELECT {picked} FROM {} JOIN {table} AS t ON {on}", derived(keys, rows));
    }
    // SQLite takes the tables of a CROSS JOIN in their order: the short list first.
    format!("{}SELECT {picked} FROM v CROSS JOIN {table} AS t WHERE {on}", with(backend, keys, rows))
}

/// Sets columns of the rows `t` from the list `v`, which begins with the columns of their key.
pub fn update(
    backend: DbBackend,
    table: &str,
    key: usize,
    columns: &Columns,
    set: &[(&str, &str)],
    rows: usize,
) -> String {
    let mut changes = String::new();
    let on = matches(&columns[..key]);
    if backend == DbBackend::MySql {
        list(&mut changes, set.iter().map(|(column, value)| format!("t.{column} = {value}")));
        let list = derived(columns, rows);
        return format!("UPDATE {table} AS t JOIN {list} ON {on} SET {changes}");
    }
    list(&mut changes, set.iter().map(|(column, value)| format!("{column} = {value}")));
    let list = with(backend, columns, rows);
    format!("{list}UPDATE {table} AS t SET {changes} FROM v WHERE {on}")
}

/// Deletes the rows whose keys are in the list.
pub fn delete(backend: DbBackend, table: &str, keys: &Columns, rows: usize) -> String {
    let on = matches(keys);
    match backend {
        DbBackend::MySql => {
            format!("DELETE t FROM {table} AS t JOIN {} ON {on}", derived(keys, rows))
        }
        DbBackend::Sqlite => {
            let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
            let mut sql = format!("DELETE FROM {table} WHERE ({}) IN (VALUES ", names.join(", "));
            tuples(&mut sql, backend, keys.len(), rows);
            sql.push(')');
            sql
        }
        _ => format!("{}DELETE FROM {table} AS t USING v WHERE {on}", with(backend, keys, rows)),
    }
}

fn matches(keys: &Columns) -> String {
    let equal: Vec<String> = keys.iter().map(|(name, _)| format!("t.{name} = v.{name}")).collect();
    equal.join(" AND ")
}

fn with(backend: DbBackend, columns: &Columns, rows: usize) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut sql = format!("WITH v({}) AS (VALUES ", names.join(", "));
    tuples(&mut sql, backend, columns.len(), rows);
    sql.push_str(") ");
    sql
}

fn derived(columns: &Columns, rows: usize) -> String {
    let mut sql = String::from("(");
    for row in 0..rows {
        sql.push_str(if row == 0 { "SELECT " } else { " UNION ALL SELECT " });
        list(&mut sql, columns.iter().map(|(name, kind)| format!("{} AS {name}", cast(*kind))));
    }
    sql.push_str(") AS v");
    sql
}

const fn cast(kind: Type) -> &'static str {
    match kind {
        Type::Id => "CAST(? AS BINARY(16))",
        Type::Text => "CAST(? AS CHAR) COLLATE utf8mb4_bin",
        Type::Bytes => "CAST(? AS BINARY)",
        Type::Number => "CAST(? AS SIGNED)",
    }
}

fn tuples(sql: &mut String, backend: DbBackend, columns: usize, rows: usize) {
    let mut number = 0;
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                sql.push_str(", ");
            }
            number += 1;
            if backend == DbBackend::Postgres {
                let _ = write!(sql, "${number}");
            } else {
                sql.push('?');
            }
        }
        sql.push(')');
    }
}

fn list(sql: &mut String, items: impl Iterator<Item = String>) {
    for (position, item) in items.enumerate() {
        if position > 0 {
            sql.push_str(", ");
        }
        sql.push_str(&item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_row_once_in_order() {
        let rows: Vec<usize> = (0..150).collect();
        let sizes: Vec<usize> = pieces(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, [64, 64, 16, 4, 1, 1]);
        assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!([1, 2, 5, 17, 64].map(padded), [1, 4, 16, 64, 64]);
    }

    #[test]
    fn each_dialect_has_its_own_form() {
        let keys = &[("a", Type::Id), ("b", Type::Text)];
        assert_eq!(
            delete(DbBackend::Postgres, "x", keys, 2),
            "WITH v(a, b) AS (VALUES ($1, $2), ($3, $4)) DELETE FROM x AS t USING v \
             WHERE t.a = v.a AND t.b = v.b"
        );
        assert_eq!(
            delete(DbBackend::Sqlite, "x", keys, 2),
            "DELETE FROM x WHERE (a, b) IN (VALUES (?, ?), (?, ?))"
        );
        assert_eq!(
            delete(DbBackend::MySql, "x", keys, 1),
            "DELETE t FROM x AS t JOIN (SELECT CAST(? AS BINARY(16)) AS a, \
             CAST(? AS CHAR) COLLATE utf8mb4_bin AS b) AS v ON t.a = v.a AND t.b = v.b"
        );
    }
}

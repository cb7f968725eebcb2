//! Why the database refused or failed.

use std::fmt;
use std::sync::Arc;

use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, TransactionError};

/// A failure of the database. Cheap to clone, since one failed batch fails many units.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Another instance has the name.
    #[error("the instance name is taken")]
    NameTaken,
    /// Another instance has the token.
    #[error("the token is taken")]
    TokenTaken,
    /// A newer claim of the instance exists, or it was deleted: stop writing for it.
    #[error("the instance has a newer owner")]
    Fenced,
    /// No such row.
    #[error("not found")]
    NotFound,
    /// The row exists already.
    #[error("already exists")]
    Exists,
    /// A value that the database cannot hold.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The database cannot be reached now; trying again may help. A write that ends with this may
    /// have happened.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// The writer has stopped: nothing was written.
    #[error("the writer has stopped")]
    Stopped,
    /// Anything else, which trying again will not help.
    #[error("the database failed")]
    Failed(#[source] Cause),
}

/// What the driver said.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    pub(super) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Error {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Stopped)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(text)) = error.sql_err() {
            return Self::unique(&text);
        }
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(Cause::new(error)),
            DbErr::Exec(cause) | DbErr::Query(cause) if passes(cause) => Self::Unavailable(Cause::new(error)),
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Self::NotFound,
            _ => Self::Failed(Cause::new(error)),
        }
    }
}

impl From<TransactionError<Error>> for Error {
    fn from(error: TransactionError<Error>) -> Self {
        match error {
            TransactionError::Connection(error) => error.into(),
            TransactionError::Transaction(error) => error,
        }
    }
}

impl Error {
    /// The drivers name the index (PostgreSQL, MySQL) or its columns (SQLite) in their message.
    fn unique(text: &str) -> Self {
        if text.contains("token_hash") {
            Self::TokenTaken
        } else if text.contains("instance_name") || text.contains("instance.name") {
            Self::NameTaken
        } else {
            Self::Exists
        }
    }
}

/// Whether the failure lies with the connection, a lock or the server's state, not the statement.
fn passes(cause: &RuntimeErr) -> bool {
    use sea_orm::sqlx::Error as Sqlx;
    let RuntimeErr::SqlxError(error) = cause else { return false };
    match error.as_ref() {
        Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::Protocol(_) => true,
        Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed => true,
        Sqlx::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => passes_with_number(error.number()) || error.code().is_some_and(passes_with),
            None => error.code().is_some_and(|code| passes_with(&code)),
        },
        _ => false,
    }
}

/// MySQL's own numbers, where its general code says nothing: a lock that was waited for too long,
/// and a server that became read-only, as the old one does after a failover.
const fn passes_with_number(number: u16) -> bool {
    matches!(number, 1205 | 1290 | 1836)
}

fn passes_with(code: &str) -> bool {
    // SQLite: the low byte is the kind. Busy, locked, input and output, disk full, cannot open.
    if code.len() < 5 {
        return code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14));
    }
    match code {
        // Serialization failure, deadlocks, a lock that was not to be had, a read-only server.
        "40001" | "40P01" | "55P03" | "25006" => true,
        // Connection exception, out of resources, operator intervention (shutdown, failover).
        _ => ["08", "53", "57P"].iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for passing in ["5", "517", "6", "13", "778", "40001", "57P01", "08006", "53300"] {
            assert!(passes_with(passing), "{passing}");
        }
        for staying in ["1", "19", "2067", "23505", "42P01", "22021", "HY000"] {
            assert!(!passes_with(staying), "{staying}");
        }
    }

    #[test]
    fn a_taken_name_is_told_in_every_dialect() {
        for text in [
            "UNIQUE constraint failed: instance.name",
            "duplicate key value violates unique constraint \"uq_instance_name\"",
            "Duplicate entry 'a' for key 'uq_instance_name'",
        ] {
            assert!(matches!(Error::unique(text), Error::NameTaken), "{text}");
        }
        assert!(matches!(Error::unique("instance.token_hash"), Error::TokenTaken));
        assert!(matches!(Error::unique("message.id"), Error::Exists));
    }
}

//! The schema's state. Nodes that start together wait for each other.

use std::fs::File;
use std::path::Path;

use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use waggle_migration::{Migrator, MigratorTrait};

use super::error::Cause;
use super::pools::{ABANDONED, Pools};
use super::{Error, Target};

/// Any number, the same in every build.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7161727063)";
/// The lock's holder waits for as long as the changes take.
const POSTGRES_WAIT: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";
/// The same of MariaDB's connections, which have the bound afterwards again.
const MARIADB_WAIT: &str = "SET SESSION idle_transaction_timeout = 0";
/// MySQL's locks are the server's, not the database's. Ten minutes is longer than any change.
const MYSQL_LOCK: &str = "SELECT GET_LOCK(CONCAT('waggle-', MD5(DATABASE())), 600)";
const MYSQL_UNLOCK: &str = "SELECT RELEASE_LOCK(CONCAT('waggle-', MD5(DATABASE())))";

pub async fn up(pools: &Pools) -> Result<(), Error> {
    match &*pools.target {
        Target::Sqlite { path } => {
            let lock = lock_beside(path).await?;
            let outcome = run(pools).await;
            drop(lock);
            outcome
        }
        Target::Postgres { .. } => {
            // The transaction only holds the lock; it ends with its connection at the latest.
            let holder = pools.read().begin().await?;
            holder.execute_raw(Statement::from_string(pools.backend(), POSTGRES_WAIT)).await?;
            holder.query_one_raw(Statement::from_string(pools.backend(), POSTGRES_LOCK)).await?;
            let outcome = run(pools).await;
            holder.rollback().await?;
            outcome
        }
        Target::Mysql { .. } => {
            let holder = pools.read().begin().await?;
            // MySQL has no such bound and knows no such variable.
            let bound = format!("SET SESSION idle_transaction_timeout = {}", ABANDONED.as_secs());
            let _ = holder.execute_raw(Statement::from_string(pools.backend(), MARIADB_WAIT)).await;
            let answer = holder.query_one_raw(Statement::from_string(pools.backend(), MYSQL_LOCK)).await?;
            let locked = answer.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
            if locked != Some(1) {
                return Err(Error::Invalid("another node has been migrating for ten minutes".to_owned()));
            }
            let outcome = run(pools).await;
            holder.query_one_raw(Statement::from_string(pools.backend(), MYSQL_UNLOCK)).await?;
            let _ = holder.execute_raw(Statement::from_string(pools.backend(), bound)).await;
            holder.rollback().await?;
            outcome
        }
    }
}

pub async fn pending(pools: &Pools) -> Result<usize, Error> {
    Ok(Migrator::get_pending_migrations_read_only(pools.read()).await?.len())
}

/// On the group commit's own connection: the pool's may all be waiting for the lock.
async fn run(pools: &Pools) -> Result<(), Error> {
    Ok(Migrator::up(pools.commit(), None).await?)
}

/// SQLite's own lock covers a transaction, not the whole run.
async fn lock_beside(path: &Path) -> Result<File, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".migrate");
    let wait = move || {
        let file = File::options().create(true).truncate(false).write(true).open(name)?;
        file.lock()?;
        std::io::Result::Ok(file)
    };
    let unavailable = |error: std::io::Error| Error::Unavailable(Cause::new(error));
    tokio::task::spawn_blocking(wait).await.map_err(|error| unavailable(error.into()))?.map_err(unavailable)
}

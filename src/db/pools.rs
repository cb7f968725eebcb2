//! The connections, and how each database wants them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, Executor as _};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
};

use super::{Clock, Error, Options, Synchronous, Target};

/// Statements that a connection keeps prepared. The writer's come in few sizes so that they fit.
const STATEMENTS: usize = 512;
/// How long a caller waits for a connection, or for another process's lock, before the database
/// counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(5);
/// A transaction whose process says nothing for this long is ended by the server: a node that is
/// frozen in the middle of one would keep its rows locked, and nobody could take its instances.
pub const ABANDONED: Duration = Duration::from_secs(3);
/// The writer's is shorter, since it tries again by itself while everybody waits for it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);

/// The connections of one database. Cheap to clone.
#[derive(Clone)]
pub struct Pools {
    read: DatabaseConnection,
    /// Admin writes. SQLite has one writer at a time, so there it is the writer's own connection.
    write: DatabaseConnection,
    /// The group commit's: a busy pool must not keep it waiting.
    commit: DatabaseConnection,
    pub target: Arc<Target>,
    clock: Clock,
    /// See [`Options::keep_deleted`]; milliseconds.
    pub keep_deleted: i64,
    /// See [`Options::keeps_media`].
    pub keeps_media: bool,
}

impl Pools {
    pub async fn open(options: &Options, clock: Clock) -> Result<Self, Error> {
        let target = Arc::new(options.url.clone());
        let size = options.pool.max(2);
        let (read, write, commit) = match &*target {
            Target::Sqlite { path } => {
                prepare_file(path)?;
                let write = sqlite(path, options.synchronous, 1).await?;
                (sqlite(path, options.synchronous, size.min(8)).await?, write.clone(), write)
            }
            Target::Postgres { url } | Target::Mysql { url } => {
                let shared = server(url, size, PATIENCE).await?;
                (shared.clone(), shared, server(url, 2, COMMIT_PATIENCE).await?)
            }
        };
        let keep_deleted = i64::try_from(options.keep_deleted.as_millis()).unwrap_or(i64::MAX);
        let keeps_media = options.keeps_media;
        let pools = Self { read, write, commit, target, clock, keep_deleted, keeps_media };
        pools.ping().await?;
        Ok(pools)
    }

    pub const fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    pub const fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    pub const fn commit(&self) -> &DatabaseConnection {
        &self.commit
    }

    pub fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Unix milliseconds.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// A transaction for an admin write.
    pub async fn begin(&self) -> Result<DatabaseTransaction, Error> {
        begin(&self.write).await
    }

    /// A transaction of the group commit.
    pub async fn begin_commit(&self) -> Result<DatabaseTransaction, Error> {
        begin(&self.commit).await
    }

    /// Open connections, and how many of them nobody uses.
    pub fn usage(&self) -> (u32, usize) {
        let of = |pool: &DatabaseConnection| match pool.get_database_backend() {
            DbBackend::MySql => counts(pool.get_mysql_connection_pool()),
            DbBackend::Postgres => counts(pool.get_postgres_connection_pool()),
            _ => counts(pool.get_sqlite_connection_pool()),
        };
        // The third is one of these two.
        let (read, commit) = (of(&self.read), of(&self.commit));
        (read.0 + commit.0, read.1 + commit.1)
    }

    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.read.ping().await?)
    }

    pub async fn close(&self) {
        for pool in [&self.read, &self.write, &self.commit] {
            // A pool that does not close has lost its server: there is nothing to save.
            let _ = pool.close_by_ref().await;
        }
    }
}

fn counts<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> (u32, usize) {
    (pool.size(), pool.num_idle())
}

async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let options = match connection.get_database_backend() {
        // The lock first: a transaction that begins with a read cannot wait for the lock later.
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        // Locks of gaps, which MySQL takes otherwise, only bring deadlocks between instances.
        DbBackend::MySql => TransactionOptions {
            isolation_level: Some(IsolationLevel::ReadCommitted),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    Ok(connection.begin_with_options(options).await?)
}

async fn sqlite(path: &Path, synchronous: Synchronous, size: u32) -> Result<DatabaseConnection, Error> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    common(&mut options, size);
    options.test_before_acquire(false).map_sqlx_sqlite_opts(move |options| {
        options
            .in_memory(false)
            .shared_cache(false)
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match synchronous {
                Synchronous::Normal => SqliteSynchronous::Normal,
                Synchronous::Full => SqliteSynchronous::Full,
            })
            .foreign_keys(false)
            .busy_timeout(PATIENCE)
            .statement_cache_capacity(STATEMENTS)
    });
    Ok(sea_orm::Database::connect(options).await?)
}

async fn server(url: &str, size: u32, patience: Duration) -> Result<DatabaseConnection, Error> {
    let mut options = ConnectOptions::new(url);
    common(&mut options, size);
    options
        .acquire_timeout(patience)
        .test_before_acquire_if_idle_for(Duration::from_secs(30))
        .map_sqlx_postgres_opts(|options| {
            let abandoned = ABANDONED.as_millis().to_string();
            let options = options.options([("idle_in_transaction_session_timeout", abandoned)]);
            options.statement_cache_capacity(STATEMENTS)
        })
        .map_sqlx_mysql_pool_opts(|options| {
            options.after_connect(|connection, _| {
                Box::pin(async move {
                    let bound = format!("SET SESSION idle_transaction_timeout = {}", ABANDONED.as_secs());
                    // MariaDB's; MySQL has no such bound and knows no such variable.
                    let _ = connection.execute(AssertSqlSafe(bound)).await;
                    Ok(())
                })
            })
        })
        .map_sqlx_mysql_opts(|options| options.statement_cache_capacity(STATEMENTS));
    Ok(sea_orm::Database::connect(options).await?)
}

fn common(options: &mut ConnectOptions, size: u32) {
    options
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
}

/// The file holds key material: nobody else on the machine may read it. SQLite gives the files
/// that it puts beside it the same rights.
fn prepare_file(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let wrong = |error: std::io::Error| Error::Invalid(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(wrong)?;
    Ok(())
}

//! What the database is told at start.

use std::path::PathBuf;
use std::time::Duration;

/// How to reach the database and how the writer groups its commits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which database.
    pub url: Target,
    /// Connections for reads and admin writes; the writer has one of its own beside them.
    pub pool: u32,
    /// When SQLite waits for the disk; the servers have their own setting.
    pub synchronous: Synchronous,
    /// How long the writer waits for company before it commits. Zero commits what is queued.
    pub linger: Duration,
    /// Most units in one transaction.
    pub batch: usize,
    /// Units that may wait for the writer; further submissions wait for room.
    pub queue: usize,
    /// How long it stays known where the events of a deleted instance go, though none waits in the
    /// outbox: they may be on their way elsewhere.
    pub keep_deleted: Duration,
    /// Whether this node removes the files of deleted instances: it leaves their rows to those who do.
    pub keeps_media: bool,
}

impl Options {
    /// Defaults for a target: 8 connections, a linger of 1 ms, 512 units per transaction.
    #[must_use]
    pub fn new(url: Target) -> Self {
        Self {
            url,
            pool: 8,
            synchronous: Synchronous::Full,
            linger: Duration::from_millis(1),
            batch: 512,
            queue: 8192,
            keep_deleted: Duration::ZERO,
            keeps_media: false,
        }
    }
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file on this machine, for one node. Its folder is created for the owner only (0700), and
    /// its files are readable by the owner only (0600).
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// PostgreSQL 12 or later, `postgres://user:password@host/database`.
    Postgres {
        /// Connection URL.
        url: String,
    },
    /// MySQL 8 or MariaDB 10.6 or later, `mysql://user:password@host/database`.
    Mysql {
        /// Connection URL.
        url: String,
    },
}

/// When a commit of SQLite is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A loss of power may undo the last moments; a crash of the process loses nothing.
    Normal,
    /// Every commit waits for the disk.
    Full,
}

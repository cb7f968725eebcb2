//! The room's front door.

use metrics::gauge;

use super::instances::Instances;
use super::media_of_all::AllMedia;
use super::nodes::Nodes;
use super::outbox::Outbox;
use super::pools::Pools;
use super::scope::Scope;
use super::writer::{self, Writer};
use super::{Clock, Error, Options, migrate};
use crate::domain::InstanceId;
use crate::telemetry::metrics::{DATABASE_CONNECTIONS, STATE};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    writer: Writer,
}

impl Database {
    /// Connects and makes sure that the database answers. The second part is the writer's task:
    /// nothing submitted to [`Database::writer`] is written until it is run.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer, [`Error::Invalid`] for a wrong target.
    pub async fn connect(options: Options, clock: Clock) -> Result<(Self, writer::Task), Error> {
        let pools = Pools::open(&options, clock).await?;
        let (writer, task) = writer::new(pools.clone(), &options);
        Ok((Self { pools, writer }, task))
    }

    /// Brings the schema up to date, under a lock: several nodes may start at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Failed`].
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate::up(&self.pools).await
    }

    /// How many changes of the schema are missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn pending_migrations(&self) -> Result<usize, Error> {
        migrate::pending(&self.pools).await
    }

    /// Makes sure that the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.pools.ping().await
    }

    /// The instances, for administration: not scoped.
    #[must_use]
    pub fn instances(&self) -> Instances {
        Instances { pools: self.pools.clone() }
    }

    /// The nodes' counted signs of life.
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        Nodes { pools: self.pools.clone() }
    }

    /// The data of one instance: the only way to it.
    #[must_use]
    pub fn instance(&self, id: InstanceId) -> Scope {
        Scope { id, pools: self.pools.clone() }
    }

    /// The writer.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// What waits for delivery, of all instances.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox { pools: self.pools.clone() }
    }

    /// The files of messages that are kept, of all instances of a client name.
    #[must_use]
    pub fn media(&self, client_name: &str) -> AllMedia {
        AllMedia { pools: self.pools.clone(), client_name: client_name.to_owned() }
    }

    /// Tells the metrics how the connections are used.
    pub fn measure(&self) {
        let (open, idle) = self.pools.usage();
        gauge!(DATABASE_CONNECTIONS, STATE => "idle").set(idle as f64);
        gauge!(DATABASE_CONNECTIONS, STATE => "busy").set(f64::from(open) - idle as f64);
    }

    /// Closes the connections. End the writer's task first.
    pub async fn close(self) {
        self.pools.close().await;
    }
}

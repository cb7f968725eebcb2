//! The seam to the outbox table.

use async_trait::async_trait;

use crate::db::{Error, Failure, Outbox, OutboxRow};
use crate::domain::InstanceId;

/// What the worker needs of the outbox; see [`Outbox`] for the meaning of each.
#[async_trait]
#[allow(clippy::missing_errors_doc, reason = "as the methods of Outbox")]
pub trait Table: Send + Sync + 'static {
    /// Rows of a sink after a position, in order, due or not.
    async fn page(&self, sink: &str, after: i64, limit: u64) -> Result<Vec<OutboxRow>, Error>;

    /// As [`Table::page`], of one instance.
    async fn page_of_instance(
        &self,
        instance: InstanceId,
        sink: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<OutboxRow>, Error>;

    /// Removes rows; absent ones are fine.
    async fn delete(&self, ids: &[i64]) -> Result<(), Error>;

    /// Remembers a failed attempt; an absent row is fine.
    async fn reschedule(&self, id: i64, attempt: i32, due_at: i64) -> Result<(), Error>;

    /// Moves a row to the dead letters.
    async fn bury(&self, id: i64, failure: &Failure) -> Result<(), Error>;

    /// How many rows wait for a sink.
    async fn depth(&self, sink: &str) -> Result<u64, Error>;

    /// When the oldest waiting row was written, unix milliseconds.
    async fn oldest(&self, sink: &str) -> Result<Option<i64>, Error>;
}

#[async_trait]
impl Table for Outbox {
    async fn page(&self, sink: &str, after: i64, limit: u64) -> Result<Vec<OutboxRow>, Error> {
        self.page(sink, after, limit).await
    }

    async fn page_of_instance(
        &self,
        instance: InstanceId,
        sink: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<OutboxRow>, Error> {
        self.page_of_instance(instance, sink, after, limit).await
    }

    async fn delete(&self, ids: &[i64]) -> Result<(), Error> {
        self.delete(ids).await
    }

    async fn reschedule(&self, id: i64, attempt: i32, due_at: i64) -> Result<(), Error> {
        self.reschedule(id, attempt, due_at).await
    }

    async fn bury(&self, id: i64, failure: &Failure) -> Result<(), Error> {
        self.bury(id, failure).await
    }

    async fn depth(&self, sink: &str) -> Result<u64, Error> {
        self.depth(sink).await
    }

    async fn oldest(&self, sink: &str) -> Result<Option<i64>, Error> {
        self.oldest(sink).await
    }
}

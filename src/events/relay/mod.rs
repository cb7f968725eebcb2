//! Brings rows of the outbox to a message broker: what waits is read in pages, handed to a
//! [`Carrier`], and removed once that says so. Rows of one instance go in their order; while one
//! instance has to wait, the others go on.
//!
//! Nothing is remembered between pages but which instances have rows: a page always begins at the
//! oldest row, so that nothing is skipped because it became visible late.

mod bell;
mod dirty;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::db::OutboxRow;
use crate::domain::InstanceId;

pub use service::Relay;

/// Which instances this node relays for. Asked often; must not block.
pub type Share = Arc<dyn Fn(InstanceId) -> bool + Send + Sync>;

/// Sizes and times of a relay.
#[derive(Clone)]
pub struct Options {
    /// The sinks of which it takes the rows.
    pub sinks: &'static [&'static str],
    /// Most rows at once.
    pub batch: usize,
    /// How often the table is looked at when nobody rang.
    pub poll: Duration,
    /// Which instances it relays for.
    pub share: Share,
}

/// What became of a page of rows. A row that is in neither list stays and is carried again.
#[derive(Default, Debug)]
pub struct Carried {
    /// Rows that the broker has taken.
    pub published: Vec<i64>,
    /// Rows that nobody wants any more.
    pub dropped: Vec<i64>,
    /// Instances whose rows have to wait for a while.
    pub waiting: BTreeSet<InstanceId>,
}

/// Takes rows to a broker.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Returns as soon as rows can be carried, however long that takes.
    async fn ready(&self);

    /// Carries rows, given in their order. Ends within a bounded time.
    async fn carry(&self, rows: &[OutboxRow]) -> Carried;
}

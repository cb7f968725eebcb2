//! The worker: rows of the outbox in, requests out, results back into the table.
//!
//! `engine` decides and is pure; `service` carries out. Rows of one lane (instance, sink, chat)
//! are delivered one after another, in the order of their ids. `consumer` does the same with what comes
//! through RabbitMQ.

mod attempt;
mod consumer;
mod desk;
mod endpoint;
mod engine;
mod feed;
mod intake;
mod key;
mod lane;
mod ledger;
mod origins;
mod scan;
mod service;
#[cfg(test)]
mod tests;
mod turns;
mod write;

use std::sync::Arc;

use super::endpoints::Endpoints;
use super::{Directory, Post, Random, Table};
use crate::db::{Clock, Observer};
use crate::domain::InstanceId;
pub use consumer::{Consumer, Queues};
use feed::{Signals, Tap};
pub use service::Service;

/// What a worker needs of the world.
#[derive(Clone)]
pub struct Outside {
    /// Sends requests.
    pub post: Arc<dyn Post>,
    /// Knows the endpoints.
    pub directory: Arc<dyn Directory>,
    /// The outbox.
    pub table: Arc<dyn Table>,
    /// Wall time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// Why the worker did not end well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Some results could not be written before the end: those events will be delivered again.
    #[error("some webhook deliveries are not on record and will be repeated")]
    Unwritten,
}

/// Talks to a worker. Cheap to clone; does nothing once the worker has ended.
#[derive(Clone)]
pub struct Handle {
    tap: Arc<Tap>,
    signals: Arc<Signals>,
    endpoints: Endpoints,
}

impl Handle {
    /// Takes part in the writer's commits, so that events go out without a look at the table.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::<Tap>::clone(&self.tap)
    }

    /// The rows of an instance have to be read from the table: it was claimed by this node, or
    /// rows of it came back from the dead letters. To be called at every claim, before the
    /// instance writes: older rows of another node's time then go first.
    pub fn look(&self, instance: InstanceId) {
        self.signals.look(instance);
    }

    /// The configuration of an instance has changed: it is asked for again.
    pub async fn forget(&self, instance: InstanceId) {
        self.endpoints.forget(instance).await;
    }
}

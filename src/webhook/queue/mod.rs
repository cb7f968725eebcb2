//! Webhook deliveries through RabbitMQ: nodes publish them ([`Outgoing`]), workers take them
//! ([`Consumer`](super::Consumer)). The events of one instance are in one partition, and one
//! process at a time consumes a partition, so that order is kept while endpoints are healthy. What
//! failed waits in the queue of a rung of the [`Ladder`] and then comes back to its partition.

mod envelope;
mod ladder;
mod outgoing;
mod topology;

pub use envelope::{Copy, Envelope};
pub use ladder::Ladder;
pub use outgoing::Outgoing;
pub use topology::Topology;

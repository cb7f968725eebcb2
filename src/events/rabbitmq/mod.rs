//! RabbitMQ: one connection for everybody ([`Broker`]), publishing with confirms ([`Publisher`]),
//! consuming ([`Consumer`]), and the tenants' feeds. `lapin` is named below this folder only; the
//! webhook queue uses these types. To publish something else: a [`Carrier`](super::Carrier) like
//! `feed`.

mod broker;
mod consumer;
mod feed;
mod publisher;
mod topology;

pub use broker::{Broker, Error, Options};
pub use consumer::{Consumer, Delivery};
pub use feed::{Directory, Feed, Names, Tenant, Unavailable};
pub use publisher::{Message, Publisher, Sent};
pub use topology::{Binding, Exchange, Queue, Retry};

/// The name of the sink of an instance's own feed in the outbox.
pub const OWN: &str = "rabbitmq";

/// The name of the sink of the feed of every instance.
pub const GLOBAL: &str = "rabbitmq-global";

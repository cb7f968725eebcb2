//! Owns the delivery of recorded events to webhooks: order, retries, signatures, dead letters.
//! Must not know WhatsApp, the HTTP API, or where a webhook's configuration is kept (it asks a
//! [`Directory`]). To add a header or a field of the body: `request`; a rule of retrying:
//! `retry`, which is pure; a bound of the worker: `options` and the desk in `worker`.

mod attach;
pub mod dead_letters;
mod endpoints;
mod headers;
mod jwt;
mod metrics;
mod options;
mod post;
pub mod queue;
mod reports;
mod request;
mod retry;
mod signature;
mod table;
mod worker;

pub use attach::Attach;
pub use endpoints::{Directory, Endpoint, Unavailable};
pub use options::{Options, Random, Share};
pub use post::{Post, PostError, Request, Response};
pub use reports::{Failure, Reporter, Reports};
pub use request::{InvalidTarget, Letterhead};
pub use retry::{Decision, Retry, retry_after};
pub use signature::{InvalidSecret, Secret};
pub use table::Table;
pub use worker::{Consumer, Error, Handle, Outside, Queues, Service};

/// The name of the sink of an instance's own webhook in the outbox.
pub const OWN: &str = "webhook";

/// The name of the sink of the webhook that receives the events of every instance.
pub const GLOBAL: &str = "webhook-global";

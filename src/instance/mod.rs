//! Owns the running instances of this node: one runner per instance, which is the only one that
//! makes and ends its connection; must not know HTTP, nor which provider is behind a channel. To
//! add something that an instance can do: a method on [`Handle`], in the file of its concern.

mod announce;
mod claims;
mod delete;
mod handle;
mod lease;
mod qr;
mod registry;
mod runner;
mod send;
mod state;
mod sweep;
mod view;

pub use handle::{Connecting, Handle, Working};
pub use lease::Lease;
pub use registry::{Deps, New, Options, Registry};
pub use send::{Send, Sent};
pub use view::{Qr, View};

use crate::{channel, db, events};

/// Why an instance could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no connection to WhatsApp.
    #[error("the instance is not connected")]
    NotConnected,
    /// The node is stopping, or the instance is being moved or deleted.
    #[error("the instance is stopping")]
    Stopping,
    /// Another instance has the name.
    #[error("the name is in use")]
    NameTaken,
    /// Another instance has the token.
    #[error("the token is in use")]
    TokenTaken,
    /// No provider of that name.
    #[error("there is no integration `{0}`")]
    UnknownIntegration(String),
    /// The same idempotency key was used for another message.
    #[error("the Idempotency-Key was used for another message")]
    IdempotencyMismatch,
    /// The provider could not.
    #[error(transparent)]
    Channel(#[from] channel::Error),
    /// It could not be recorded.
    #[error(transparent)]
    Record(#[from] events::Error),
    /// It could not be read.
    #[error(transparent)]
    Database(#[from] db::Error),
}

//! Owns bringing the files of messages from their channels to the store, handing them out again in place of
//! the channel, and removing them when their time is over; must not know HTTP, nor which store it is. To keep
//! another kind of file: a variant of [`MediaKind`](crate::domain::MediaKind).
//!
//! Which files those are is on record together with their messages, so nothing is forgotten when a node
//! dies: whoever has the instance then goes on. A file may be brought twice; it has one name. To remove files,
//! nobody needs to have the instance: any node of its client name does.

mod attempt;
mod ladder;
mod pause;
mod removal;
mod service;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use crate::channel::Files;
use crate::clock::Clock;
use crate::db::Database;
use crate::events::Keeper;
use crate::instance::Registry;
use crate::lifecycle;
use crate::media::Store;

#[cfg(test)]
mod tests;

pub use service::Service;
pub use shelf::{Away, Shelf};

/// What files are kept with.
#[derive(Clone)]
pub struct Deps {
    /// Where the record is.
    pub database: Database,
    /// The instances of this node.
    pub registry: Registry,
    /// Whose files: all its nodes have one store, and remove from it together.
    pub client_name: String,
    /// Where the files go.
    pub store: Store,
    /// Gets files without a connection of the account.
    pub files: Arc<dyn Files>,
    /// Rings when there are new files.
    pub keeper: Arc<Keeper>,
    /// How long files are kept where the tenant does not say; `None` is as long as the instance.
    pub retention: Option<Duration>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Runs the work.
    pub lifecycle: lifecycle::Handle,
}

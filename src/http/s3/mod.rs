//! Owns the answers about files that are kept, whatever they are kept in; the routes are named as
//! clients know them. To add an operation: one file like `find`, and its line in the table of routes.

pub mod file;
pub mod find;

pub use file::Link;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::archive::Shelf;
use crate::events::Keeper;
use crate::media::Store;

/// Requests that may wait at once on one node for files that are on their way. Each asks the database again
/// and again.
const WAITING: usize = 64;

/// Where files are kept, who signs the links to them, and who hands them out.
#[derive(Clone)]
pub struct Files {
    /// Signs links.
    pub keeper: Arc<Keeper>,
    /// Has the files.
    pub store: Store,
    /// Hands out the files of messages.
    pub shelf: Shelf,
    /// Whoever waits for a file has one of these.
    waiting: Arc<Semaphore>,
}

impl Files {
    /// Takes who signs links, who has the files, and who hands out those of messages.
    #[must_use]
    pub fn new(keeper: Arc<Keeper>, store: Store, shelf: Shelf) -> Self {
        Self { keeper, store, shelf, waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

//! Owns the answers about files that are kept, whatever they are kept in; the routes are named as
//! clients know them. To add an operation: one file like `find`, and its line in the table of routes.

pub mod file;
pub mod find;

use std::sync::Arc;

use crate::archive::Shelf;
use crate::events::Keeper;
use crate::media::Store;

/// Where files are kept, who signs the links to them, and who hands them out.
#[derive(Clone)]
pub struct Files {
    /// Signs links.
    pub keeper: Arc<Keeper>,
    /// Has the files.
    pub store: Store,
    /// Hands out the files of messages.
    pub shelf: Shelf,
}

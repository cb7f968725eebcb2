//! Owns the answers about files that are kept, whatever they are kept in; the routes are named as
//! clients know them. To add an operation: one file like `find`, and its line in the table of routes.

pub mod file;
pub mod find;

use std::sync::Arc;

use crate::events::Keeper;
use crate::media::Store;

/// Where files are kept, and who signs the links to them.
#[derive(Clone)]
pub struct Files {
    /// Signs links.
    pub keeper: Arc<Keeper>,
    /// Has the files.
    pub store: Store,
}

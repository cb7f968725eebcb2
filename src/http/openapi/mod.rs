//! Owns the document of the API and the page that shows it; must not know what a route does. The
//! document is made from the table of routes, the schemas of the bodies and the cases of
//! `cases.json`, which a test replays against a node. To describe a route: its cases.

mod build;
mod cases;
mod failures;
mod page;
mod shape;

pub use build::document;
pub(super) use build::handle;
pub(super) use page::{file, index};

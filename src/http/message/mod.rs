//! Owns sending: one kind of message per file, and what all kinds have in common; must not know
//! how a message is made or travels. To add a kind: one file like `text`, and its line in the
//! table of routes.

mod common;
mod known;
pub mod location;
pub mod text;

pub use common::Common;
pub(super) use common::{LONGEST_DELAY, address, show};
pub use known::Known;

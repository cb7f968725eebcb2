//! Owns sending: one kind of message per file, and what all kinds have in common; must not know
//! how a message is made or travels. To add a kind: one file like `text`, and its line in the
//! table of routes.

pub mod audio;
pub mod buttons;
mod common;
pub mod contact;
mod file;
pub mod forward;
mod known;
pub mod list;
pub mod location;
pub mod media;
pub mod poll;
pub mod ptv;
pub mod reaction;
pub mod status;
pub mod sticker;
pub mod template;
pub mod text;

pub use common::Common;
pub(super) use common::{LONGEST_DELAY, address, show};
pub use known::Known;

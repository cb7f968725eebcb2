//! Numbered messages: every text of a load run says which run, which stream and which number it is, so
//! that both ends can tell what was lost, doubled or overtaken.

mod check;
mod payload;
mod ranges;
mod store;

pub use check::{Check, Seen};
pub use payload::{Direction, Payload};
pub use ranges::Ranges;
pub(crate) use store::Sequences;
pub use store::StreamCheck;

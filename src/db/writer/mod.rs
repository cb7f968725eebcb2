//! Owns the one way in which the running instances write: units of many instances share one
//! transaction and one wait for the disk. Must not know what the writes mean to their callers.
//! To add a write: a variant in `write`, what it reads in `preload`, its effect in `apply`.

mod apply;
mod batch;
mod check;
mod columns;
mod directory;
mod flush;
mod labels;
mod media;
mod merge;
mod message;
mod preload;
mod queue;
mod spool;
mod sql;
mod state;
mod task;
mod write;

pub(in crate::db) use queue::new;
pub use queue::{Observer, Outcome, Ticket, Writer};
pub use task::Task;
pub use write::{
    Amendment, ChatState, ContactEvents, EventsFor, MessageHead, Routed, SessionChange, Unit, Unread, Write,
};

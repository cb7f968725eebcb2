//! Owns what is told to the outside: the journal in which instances record it, and the relay that
//! feeds the sinks from the outbox; must not know WhatsApp or HTTP. To add a sink: one file that
//! takes rows of its own name from the [`relay`], and one line in [`Journal`]'s routing.

mod body;
mod journal;
mod keeper;
pub mod rabbitmq;
pub mod relay;

pub use crate::db::{
    Amendment, ChatState, Contact, ContactEvents, EventsFor, GroupRow, Groups, HistorySpool, MessageHead,
    Outcome, Routed, Spooled, Unread, Write,
};
pub use body::{About, Body, date_time};
pub use journal::{GLOBAL_WEBHOOK, GlobalSinks, Journal};
pub use keeper::{BadLink, Keep, Keeper, KeeperOptions};
pub use relay::{Carried, Carrier};

/// Why something could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer claim of the instance exists.
    #[error("the instance has a newer owner")]
    Fenced,
    /// The database cannot be reached; nothing was written.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

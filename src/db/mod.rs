//! Owns the database: connections, the schema's state, every query and the one writer of the
//! running instances. `sea_orm` is named here (and in `migration`) only; rows leave as domain
//! types. Must not know what the data means: no routing, no delivery, no protocol. To add a table:
//! a migration, an entity, a repository file here; a tenant's table is reached through [`Scope`]
//! alone, and is named in `instances/purge` so that it empties with its instance.

mod addresses;
mod chats;
mod connect;
mod contacts;
mod dead_letters;
mod entity;
mod error;
mod groups;
mod history_spool;
mod instances;
mod labels;
mod media;
mod media_of_all;
mod messages;
mod migrate;
mod nodes;
mod options;
mod outbox;
mod pools;
mod scope;
mod search;
mod session_records;
mod sinks;
mod updates;
pub mod writer;

pub use addresses::{Addresses, Pair};
pub use chats::{Chat, ChatEntry, ChatFilter, Chats};
pub use connect::Database;
pub use contacts::{Contact, ContactFilter, Contacts};
pub use dead_letters::{DeadLetter, DeadLetters, Failure};
pub use error::{Cause, Error};
pub use groups::{GroupRow, Groups};
pub use history_spool::{HistorySpool, Spooled};
pub use instances::{
    Counts, InstanceFilter, InstanceUpdate, Instances, Listed, Located, NewInstance, Ownership, Remains,
};
pub use labels::{Label, Labels};
pub use media::{Media, MediaFiles, MediaFilter, MediaState, Stored};
pub use media_of_all::{AllMedia, Leaving};
pub use messages::{MessageFilter, Messages, Page};
pub use nodes::Nodes;
pub use options::{Options, Synchronous, Target};
pub use outbox::{Outbox, OutboxRow};
pub use scope::Scope;
pub use search::words;
pub use session_records::{SessionRecord, SessionRecords};
pub use sinks::Sinks;
pub use updates::Updates;
pub use writer::{
    Amendment, ChatState, ContactEvents, EventsFor, MessageHead, Observer, Outcome, Routed, SessionChange,
    Ticket, Unit, Unread, Write, Writer,
};

/// Wall time in unix milliseconds.
pub type Clock = std::sync::Arc<dyn Fn() -> i64 + Send + Sync>;

//! Owns the pure types that every room shares; must not know any other room and does no I/O.
//! To add a resource: one file with its types, named by the word that all rooms use for it.

pub mod address;
pub mod event;
pub mod ids;
pub mod instance;
pub mod label;
pub mod media;
pub mod message;
pub mod poll;
pub mod settings;
pub mod sink;

pub use address::Jid;
pub use event::{Event, EventKind, HistoryPart};
pub use ids::{Fence, InstanceId, InstanceName, NodeId};
pub use instance::{ConnectionState, Instance};
pub use media::{MediaKind, MediaPolicy};
pub use message::{MessageKey, MessageStatus, StoredMessage};
pub use settings::Settings;
pub use sink::{Sink, SinkKind};

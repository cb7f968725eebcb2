//! Owns the WhatsApp Web provider: the only folder that names the protocol library. Must not know
//! HTTP, the database or the cluster. To add a capability: one file named by its resource.

mod acks;
mod address;
pub mod backend;
mod barrier;
mod calls;
mod catalogue;
mod changes;
mod chats;
mod connection;
mod content;
mod factory;
mod files;
mod groups;
mod history;
mod hook;
pub mod http_client;
mod inbound;
mod intake;
mod json;
mod labels;
mod low_level;
mod messages;
mod numbers;
mod pairing;
mod picture;
mod presence;
mod privacy;
mod profile;
mod receipts;
mod record;
mod refusal;
pub mod runtime;
mod subscriber;
pub mod transport;
mod version;
mod votes;

pub use factory::{Factory, INTEGRATION, Options};
pub use files::Downloads;

use super::{Error, Unsupported};

/// What WhatsApp Web has no notion of.
const fn unsupported(what: &'static str) -> Error {
    Error::Unsupported(Unsupported { what, integration: INTEGRATION })
}

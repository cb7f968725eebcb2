//! Owns the HTTP API: the server, THE table of routes, the envelope of errors, and one file per
//! resource. `actix_web` is named here only. Must not know which provider is behind a channel, nor
//! how anything is stored. To add an operation: a handler in its resource's file (its first
//! argument is the extractor of its principal), and one line in [`routes`]; the document, the
//! metrics and the authorisation test follow from that line.

mod body;
mod business;
mod call;
mod chat;
mod cluster;
mod cors;
mod dead_letters;
mod error;
mod extract;
mod failures;
mod fields;
mod forward;
mod group;
mod health;
mod instance;
mod label;
mod low_level;
mod measure;
mod message;
mod metrics;
mod openapi;
mod outer;
mod path;
mod probes;
mod root;
pub mod routes;
mod s3;
pub mod server;
mod settings;
mod sink;
mod state;
mod tls;
mod verify_creds;
mod webhook;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use message::Known;
pub use openapi::document;
pub use probes::{Probes, serve_probes};
pub use s3::Files;
pub use server::{Options, serve};
pub use state::{Public, State};
pub use tls::chain;

//! The tables as `sea_orm` sees them; private to this room.
#![allow(missing_docs, reason = "columns are described where the schema is")]

pub mod address;
pub mod chat;
pub mod contact;
pub mod dead_letter;
pub mod group_metadata;
pub mod history_spool;
pub mod instance;
pub mod label;
pub mod label_chat;
pub mod media;
pub mod message;
pub mod node;
pub mod outbox;
pub mod session_record;
pub mod sink;

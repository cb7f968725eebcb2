//! Contents: media, kinds of messages, history. With real clients.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

#[path = "../common/mod.rs"]
mod common;
mod history;
mod kinds;
mod media;
mod sent;

//! What belongs to an account: app state, profile, privacy, calls, channels. With real clients.
#![cfg(feature = "simulator")]
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a failed helper fails its test")]

mod app_state;
#[path = "../common/mod.rs"]
mod common;
mod communities;
mod newsletters;
mod profile;

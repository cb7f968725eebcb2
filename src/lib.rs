//! Waggle, a multi-tenant WhatsApp gateway. Rooms:
#![recursion_limit = "512"]

pub mod app;
pub mod archive;
pub mod auth;
pub mod channel;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod db;
#[cfg(feature = "simulator")]
pub mod demo;
pub mod domain;
pub mod events;
pub mod http;
pub mod instance;
pub mod lifecycle;
pub mod limits;
pub mod media;
pub mod net;
pub mod objects;
pub mod redis_link;
pub mod session;
pub mod telemetry;
pub mod webhook;

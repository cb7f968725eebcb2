//! The load generator: pairs many instances with the simulated WhatsApp, lets messages flow, and reports
//! how fast that was, what it cost, and whether every message arrived once and in order.
//!
//! A node is driven through its public HTTP API and its webhooks only. Every text carries a number (see
//! [`crate::sequence`]), so that a measurement is a test of correctness too: [`run::run`] answers a
//! [`report::Report`] whose objectives always include that nothing is lost, doubled or overtaken.

pub mod api;
mod bare_http;
#[cfg(feature = "simulator")]
pub mod baseline;
mod board;
mod child;
#[cfg(feature = "simulator")]
pub mod cli;
pub mod client;
mod closed_loop;
pub mod cluster;
pub mod compare;
#[cfg(feature = "simulator")]
mod find_messages;
mod fleet;
mod kinds;
pub mod measure;
mod nodes;
pub mod objective;
mod outages;
mod phones;
mod process;
mod progress;
pub mod receive;
pub mod recorder;
pub mod report;
pub mod run;
pub mod sampler;
pub mod scenario;
pub mod schedule;
pub mod setup;
mod store;
pub mod stream;
mod traffic;
mod verify;
mod watch;
mod window;
mod world;

pub use kinds::{Kind, Mix};
pub use progress::Progress;
pub use traffic::Traffic;
pub use world::{Options, World};

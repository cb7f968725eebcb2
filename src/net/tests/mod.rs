//! The room against real servers on this machine.

mod client;
mod dial;
pub mod support;

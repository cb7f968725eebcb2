//! The transport of the bare clients.

pub use wa_sim::load::baseline::transport::Factory;

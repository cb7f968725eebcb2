//! Owns how much an instance may do in how much time; must not know what it does, nor HTTP. To add
//! a limit: one file with a pure rule, charged by the one who does the work.

pub mod rate;

pub use rate::Rates;

//! Owns the operations on instances themselves, one verb per file; must not know how a connection
//! is made. To add a verb: one file with its handler, and a line in the table of routes.

pub mod connect;
pub mod create;
mod created;
pub mod delete;
pub mod fetch;
pub mod logout;
pub mod presence;
pub mod restart;
mod row;
pub mod state;

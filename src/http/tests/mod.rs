//! Tests of the room, over a database in a folder of their own and a provider that is made up.

mod answers;
mod bodies;
mod claims;
mod keys;
mod messages;
mod pages;
mod server;
mod support;
mod sweep;

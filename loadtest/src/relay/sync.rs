//! Tells devices that a collection of app state has changed.

use super::deliver;
use crate::{
    clock::unix_seconds,
    wire::nodes::{SERVER, el},
    world::{World, account::Account},
};

/// Notifies the account's devices but `except`.
pub(crate) fn notify(world: &World, account: &Account, except: Option<u16>, collection: &str, version: u64) {
    let node = el("notification")
        .attr("from", SERVER)
        .attr("type", "server_sync")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("collection").attr("name", collection).attr("version", version).build()])
        .build();
    deliver::to_account(world, account, except, &node);
}

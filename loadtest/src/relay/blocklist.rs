//! Block lists. What a blocked account sends directly is lost without a word.

use wacore_binary::{Jid, Node};

use super::deliver;
use crate::{
    clock::unix_seconds,
    wire::nodes::el,
    world::{World, account::Account},
};

/// Blocks or unblocks an address and tells the account's devices but `except`.
pub(crate) fn change(world: &World, account: &Account, except: Option<u16>, address: &Jid, block: bool) {
    let entry = address.to_non_ad().to_string();
    {
        let mut state = account.state();
        state.blocked.retain(|blocked| *blocked != entry);
        if block {
            state.blocked.push(entry);
        }
    }
    world.touch();
    let action = if block { "block" } else { "unblock" };
    let item = el("item").attr("jid", address.to_non_ad()).attr("action", action).build();
    let node = el("notification")
        .attr("from", account.pn())
        .attr("type", "account_sync")
        .attr("id", world.next_id())
        .attr("t", unix_seconds())
        .children([el("blocklist").attr("action", "modify").children([item]).build()])
        .build();
    deliver::to_account(world, account, except, &node);
}

/// The list as queries answer it.
pub(crate) fn list(account: &Account) -> Node {
    let state = account.state();
    let items: Vec<Node> = state.blocked.iter().map(|jid| el("item").attr("jid", jid).build()).collect();
    el("list").attr("dhash", items.len()).children(items).build()
}

/// Whether `to` has blocked `from`.
pub(crate) fn blocks(to: &Account, from: &Account) -> bool {
    to.phone != from.phone && to.state().blocks(from)
}

//! Presence and chat states. Neither is kept for offline devices.

use wacore_binary::{Node, NodeRef, Server};

use super::{blocklist, deliver};
use crate::{
    phone::receive,
    session::device::Session,
    wire::nodes::{el, jid, text},
    world::{World, account::Account},
};

/// Handles a `<presence>`: the device's own state or a subscription.
pub(crate) fn handle(session: &Session, node: &NodeRef<'_>) {
    let kind = text(node, "type").map(|kind| kind.into_owned()).unwrap_or_else(|| "available".into());
    if kind == "subscribe" || kind == "unsubscribe" {
        return subscribe(session, node, kind == "subscribe");
    }
    {
        let mut state = session.account.state();
        if let Some(name) = text(node, "name").filter(|name| !name.is_empty()) {
            state.name = name.into_owned();
        }
        if let Some(device) = state.devices.get_mut(&session.device) {
            device.available = kind == "available";
        }
        if kind != "available" {
            state.last_seen = crate::clock::unix_seconds();
        }
    }
    announce(&session.world, &session.account);
}

fn subscribe(session: &Session, node: &NodeRef<'_>, on: bool) {
    let Some(account) = jid(node, "to").and_then(|to| session.world.directory.find(&to)) else { return };
    let watcher = (session.account.phone.clone(), session.device);
    if blocklist::blocks(&account, &session.account) {
        return;
    }
    if on {
        account.state().watchers.insert(watcher);
        session.reply(presence(&account));
    } else {
        account.state().watchers.remove(&watcher);
    }
}

fn presence(account: &Account) -> Node {
    let state = account.state();
    let node = el("presence").attr("from", account.pn());
    if state.available() {
        node.build()
    } else {
        let hidden = state.privacy.get("last").is_some_and(|value| value == "none");
        let last = if hidden { "deny".to_owned() } else { state.last_seen.to_string() };
        node.attr("type", "unavailable").attr("last", last).build()
    }
}

/// Tells the subscribers the account's presence.
pub(crate) fn announce(world: &World, account: &Account) {
    let watchers: Vec<_> = account.state().watchers.iter().cloned().collect();
    if watchers.is_empty() {
        return;
    }
    let node = presence(account);
    for (phone, device) in watchers {
        if let Some(watcher) = world.directory.phone(&phone) {
            deliver::to_device(world, &watcher, device, node.clone());
        }
    }
}

/// Handles a `<chatstate>`.
pub(crate) fn chat_state(session: &Session, node: &NodeRef<'_>) {
    let Some(to) = jid(node, "to") else { return };
    let children: Vec<Node> = node.children().unwrap_or_default().iter().map(NodeRef::to_owned).collect();
    if to.server == Server::Group {
        let Some(group) = session.world.groups.get(to.user.as_str()).map(|group| group.value().clone())
        else {
            return;
        };
        let stanza = el("chatstate")
            .attr("from", &to)
            .attr("participant", session.account.lid())
            .children(children)
            .build();
        let members = group.info().members.clone();
        for member in members.iter().filter(|member| member.phone != session.account.phone) {
            if let Some(account) = session.world.directory.phone(&member.phone) {
                deliver::to_account(&session.world, &account, None, &stanza);
            }
        }
        return;
    }
    let Some(account) = session.world.directory.find(&to) else { return };
    if blocklist::blocks(&account, &session.account) {
        return;
    }
    if account.active() {
        let kind = match children.first() {
            Some(state) if state.attrs.get("media").is_some() => "recording",
            Some(state) if state.tag == "composing" => "typing",
            _ => "paused",
        };
        receive::signal(&session.world, &account, &session.account, kind, Vec::new());
    }
    let from = session.account.device_like(0, &to);
    let stanza = el("chatstate").attr("from", from).children(children).build();
    deliver::to_account(&session.world, &account, None, &stanza);
}

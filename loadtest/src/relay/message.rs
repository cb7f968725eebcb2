//! Messages from a client: direct and own-device ones here, groups and status in `group_message`.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeRef, Server, builder::NodeBuilder};

use super::{blocklist, deliver, group_message, newsletter, tokens};
use crate::{
    clock::unix_seconds,
    phone::{
        peer,
        receive::{self, Inbound},
    },
    session::device::Session,
    wire::nodes::{el, jid, text},
    world::stats::count,
};

/// Children that are for the server or for one device only.
const NOT_COPIED: [&str; 5] = ["participants", "device-identity", "tctoken", "cstoken", "enc"];

/// Handles a `<message>`: acknowledges it and relays it.
pub(crate) fn handle(session: &Session, node: &NodeRef<'_>) {
    count(&session.world.stats.messages_in);
    let Some(to) = jid(node, "to") else { return };
    if to.server == Server::Newsletter {
        return session.reply(newsletter::handle(session, node, &to));
    }
    let refusal = if to.is_group_or_status() {
        group_message::refusal(session, node, &to)
    } else {
        tokens::refusal(session, node, &to)
    };
    session.reply(ack(node, &to, refusal));
    match refusal {
        Some(_) => {}
        None if to.is_group_or_status() => group_message::relay(session, node, &to),
        None => direct(session, node, &to),
    }
}

trait Destination {
    fn is_group_or_status(&self) -> bool;
}

impl Destination for Jid {
    fn is_group_or_status(&self) -> bool {
        matches!(self.server, Server::Group | Server::Broadcast)
    }
}

fn ack(node: &NodeRef<'_>, to: &Jid, error: Option<u16>) -> Node {
    let ack = el("ack")
        .attr("class", "message")
        .attr("id", text(node, "id").unwrap_or_default().as_ref())
        .attr("from", to)
        .attr("t", unix_seconds());
    match error {
        Some(code) => ack.attr("error", code).build(),
        None => ack.build(),
    }
}

fn direct(session: &Session, node: &NodeRef<'_>, to: &Jid) {
    let Some(participants) = node.get_optional_child("participants") else {
        let encs: Vec<Node> = node.get_children_by_tag("enc").map(NodeRef::to_owned).collect();
        return one(session, node, to, to, encs);
    };
    for target in participants.get_children_by_tag("to") {
        if let Some(address) = jid(target, "jid") {
            let encs = target.get_children_by_tag("enc").map(NodeRef::to_owned).collect();
            one(session, node, to, &address, encs);
        }
    }
}

/// Relays the ciphertexts `encs` to one device.
fn one(session: &Session, node: &NodeRef<'_>, chat: &Jid, address: &Jid, encs: Vec<Node>) {
    let Some(target) = session.world.directory.find(address) else { return };
    let own = Arc::ptr_eq(&target, &session.account);
    if blocklist::blocks(&target, &session.account) {
        return;
    }
    if own && address.device == 0 && text(node, "category").as_deref() == Some("peer") {
        return peer::receive(session, node, &encs);
    }
    let named = if own { chat.to_non_ad().to_string() } else { session.account.pn().to_string() };
    let inbound = Inbound { from: &session.account, device: session.device, group: None, chat: named };
    if receive::simulated(&session.world, &target, address.device, &inbound, node, &encs) {
        return;
    }
    let mut stanza = head(session, node).attr("from", session.account.device_like(session.device, address));
    stanza = if address.is_lid() {
        stanza.attr("sender_pn", session.account.pn())
    } else {
        stanza.attr("sender_lid", session.account.lid())
    };
    if own && node.get_optional_child("participants").is_some() {
        stanza = stanza.attr("recipient", chat);
    }
    let body = body(node, encs);
    deliver::to_device(&session.world, &target, address.device, stanza.children(body).build());
}

/// The attributes every relayed copy has.
pub(super) fn head(session: &Session, node: &NodeRef<'_>) -> NodeBuilder {
    let mut stanza = el("message")
        .attr("id", text(node, "id").unwrap_or_default().as_ref())
        .attr("t", unix_seconds())
        .attr("type", text(node, "type").unwrap_or_default().as_ref())
        .attr("notify", session.account.display_name());
    for key in ["edit", "category", "addressing_mode"] {
        if let Some(value) = text(node, key) {
            stanza = stanza.attr(key, value.as_ref());
        }
    }
    stanza
}

/// Ciphertexts, the sender's device identity when one starts a session, and the untouched rest.
pub(super) fn body(node: &NodeRef<'_>, encs: Vec<Node>) -> Vec<Node> {
    let starts_session = encs.iter().any(|enc| enc.attrs.get("type").is_some_and(|kind| kind == "pkmsg"));
    let mut children = encs;
    for child in node.children().unwrap_or_default() {
        let tag = child.tag.as_ref();
        if !NOT_COPIED.contains(&tag) || (tag == "device-identity" && starts_session) {
            children.push(child.to_owned());
        }
    }
    children
}

//! Receipts: they end the keeping of a message and tell its author what became of it.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeRef, Server};

use super::deliver;
use crate::{
    clock::unix_seconds,
    phone::{receive, reupload},
    session::device::Session,
    wire::nodes::{el, jid, text},
    world::stats::RECEIPTS,
};

/// Types that end at the server.
const NOT_RELAYED: [&str; 4] = ["inactive", "peer_msg", "hist_sync", "server-error"];
/// Types for the sender's own other devices.
const OWN: [&str; 4] = ["sender", "read-self", "played-self", "sender-self"];

/// Handles a `<receipt>`.
pub(crate) fn handle(session: &Session, node: &NodeRef<'_>) {
    let Some(to) = jid(node, "to") else { return };
    let kind = text(node, "type").map(|kind| kind.into_owned()).unwrap_or_default();
    let counted = if kind.is_empty() { "delivered" } else { &kind };
    session.world.stats.receipts.count(&RECEIPTS, counted);
    session.reply(ack(node, &to, &kind));
    for id in ids(node) {
        session.confirm("message", &id);
    }
    if kind == "server-error" {
        reupload::answer(session, node);
    }
    if NOT_RELAYED.contains(&kind.as_str()) {
        return;
    }
    let participant = jid(node, "participant");
    if OWN.contains(&kind.as_str()) {
        let stanza = relayed(session, node, &to, participant.as_ref(), &kind);
        return deliver::to_account(&session.world, &session.account, Some(session.device), &stanza);
    }
    let author = participant.as_ref().unwrap_or(&to);
    let Some(account) = session.world.directory.find(author) else { return };
    let stanza = relayed(session, node, &to, participant.as_ref(), &kind);
    match (kind.as_str(), author.device) {
        ("retry", 0) => {
            if account.active() {
                receive::retry(&session.world, &account, &session.account, session.device, node);
            }
        }
        ("retry", device) => deliver::to_device(&session.world, &account, device, stanza),
        _ => {
            let except = Arc::ptr_eq(&account, &session.account).then_some(session.device);
            deliver::to_account(&session.world, &account, except, &stanza);
            if account.active() {
                let shown = if kind.is_empty() { "delivered" } else { &kind };
                receive::signal(&session.world, &account, &session.account, shown, ids(node));
            }
        }
    }
}

/// The message ids of a receipt: its own and those of its list.
pub(crate) fn ids(node: &NodeRef<'_>) -> Vec<String> {
    let mut ids: Vec<String> = text(node, "id").map(|id| id.into_owned()).into_iter().collect();
    if let Some(list) = node.get_optional_child("list") {
        ids.extend(list.get_children_by_tag("item").filter_map(|item| Some(text(item, "id")?.into_owned())));
    }
    ids
}

fn ack(node: &NodeRef<'_>, to: &Jid, kind: &str) -> Node {
    let mut ack = el("ack")
        .attr("class", "receipt")
        .attr("id", text(node, "id").unwrap_or_default().as_ref())
        .attr("from", to);
    if !kind.is_empty() {
        ack = ack.attr("type", kind);
    }
    if let Some(participant) = jid(node, "participant") {
        ack = ack.attr("participant", participant);
    }
    ack.build()
}

fn relayed(session: &Session, node: &NodeRef<'_>, to: &Jid, participant: Option<&Jid>, kind: &str) -> Node {
    let shared_chat = matches!(to.server, Server::Group | Server::Broadcast);
    let author = participant.unwrap_or(to);
    let own = session.account.device_like(session.device, author);
    let mut stanza = el("receipt")
        .attr("id", text(node, "id").unwrap_or_default().as_ref())
        .attr("t", text(node, "t").map_or_else(|| unix_seconds().to_string(), |t| t.into_owned()));
    stanza =
        if shared_chat { stanza.attr("from", to).attr("participant", own) } else { stanza.attr("from", own) };
    if OWN.contains(&kind) {
        stanza = stanza.attr("recipient", to.to_non_ad());
    }
    if !kind.is_empty() {
        stanza = stanza.attr("type", kind);
    }
    stanza.children(node.children().unwrap_or_default().iter().map(NodeRef::to_owned)).build()
}

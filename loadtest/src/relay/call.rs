//! Call signalling. Media is not simulated.

use wacore_binary::{Node, NodeRef};

use super::{blocklist, deliver};
use crate::{
    clock::unix_seconds,
    phone::receive,
    session::device::Session,
    wire::nodes::{el, jid, text},
};

/// Handles a `<call>`: acknowledges it and relays its action.
pub(crate) fn handle(session: &Session, node: &NodeRef<'_>) {
    let Some(to) = jid(node, "to") else { return };
    let action = node.children().and_then(|children| children.first());
    let kind = action.map(|action| action.tag.as_ref().to_owned()).unwrap_or_default();
    session.reply(
        el("ack")
            .attr("class", "call")
            .attr("id", text(node, "id").unwrap_or_default().as_ref())
            .attr("from", &to)
            .attr("type", &kind)
            .build(),
    );
    let Some(account) = session.world.directory.find(&to) else { return };
    if blocklist::blocks(&account, &session.account) {
        return;
    }
    if account.active() {
        if let Some(offer) = action.filter(|action| action.tag == "offer")
            && let (Some(id), Some(creator)) = (text(offer, "call-id"), jid(offer, "call-creator"))
        {
            account.agent().offered(id.into_owned(), creator);
        }
        let ids = action.and_then(|action| text(action, "call-id")).map(|id| id.into_owned());
        receive::signal(&session.world, &account, &session.account, &kind, ids.into_iter().collect());
    }
    let children: Vec<Node> = node.children().unwrap_or_default().iter().map(NodeRef::to_owned).collect();
    let stanza = el("call")
        .attr("from", session.account.device_like(session.device, &to))
        .attr("id", session.world.next_id())
        .attr("t", unix_seconds())
        .children(children)
        .build();
    match to.device {
        0 => deliver::to_account(&session.world, &account, None, &stanza),
        device => deliver::to_device(&session.world, &account, device, stanza),
    }
}

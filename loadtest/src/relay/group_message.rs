//! Group and status messages: sender-key ciphertexts go to every device of every member.

use std::{collections::HashMap, sync::Arc};

use wacore_binary::{Jid, Node, NodeRef, Server};

use super::{deliver, message};
use crate::{
    phone::receive::{self, Inbound},
    session::device::Session,
    wire::nodes::jid,
    world::account::Account,
};

/// The ack error of a message to a group: 404 unknown, 403 not a member.
pub(super) fn refusal(session: &Session, to: &Jid) -> Option<u16> {
    if to.server != Server::Group {
        return None;
    }
    match session.world.groups.get(to.user.as_str()) {
        None => Some(404),
        Some(group) if !group.info().has(&session.account.phone) => Some(403),
        Some(_) => None,
    }
}

/// Relays a group or status message.
pub(super) fn relay(session: &Session, node: &NodeRef<'_>, to: &Jid) {
    let mut pairwise = pairwise(session, node);
    let shared: Vec<Node> = node.get_children_by_tag("enc").map(NodeRef::to_owned).collect();
    for account in audience(session, to, &pairwise) {
        let own = Arc::ptr_eq(&account, &session.account);
        for device in std::iter::once(0).chain(deliver::device_ids(&account)) {
            if own && device == session.device {
                continue;
            }
            let mut encs = pairwise.remove(&(account.phone.clone(), device)).unwrap_or_default();
            encs.extend(shared.iter().cloned());
            if device == 0 {
                phone(session, node, to, &account, &encs);
            } else {
                let sender = session.account.lid().with_device(session.device);
                let stanza = message::head(session, node)
                    .attr("from", to)
                    .attr("participant", sender)
                    .attr("participant_pn", session.account.pn())
                    .children(message::body(node, encs))
                    .build();
                deliver::to_device(&session.world, &account, device, stanza);
            }
        }
    }
}

fn phone(session: &Session, node: &NodeRef<'_>, to: &Jid, account: &Arc<Account>, encs: &[Node]) {
    if !account.active() {
        return;
    }
    let inbound = Inbound {
        from: &session.account,
        device: session.device,
        group: Some(to.to_string()),
        chat: to.to_string(),
    };
    receive::message(&session.world, account, &inbound, node, encs);
}

/// Pairwise ciphertexts (sender-key distributions) by account and device.
fn pairwise(session: &Session, node: &NodeRef<'_>) -> HashMap<(String, u16), Vec<Node>> {
    let mut found = HashMap::new();
    let Some(participants) = node.get_optional_child("participants") else { return found };
    for target in participants.get_children_by_tag("to") {
        let Some(address) = jid(target, "jid") else { continue };
        if let Some(account) = session.world.directory.find(&address) {
            let encs = target.get_children_by_tag("enc").map(NodeRef::to_owned).collect();
            found.insert((account.phone.clone(), address.device), encs);
        }
    }
    found
}

/// Members of the group, or everybody a status of this account ever had a participant entry for.
fn audience(session: &Session, to: &Jid, pairwise: &HashMap<(String, u16), Vec<Node>>) -> Vec<Arc<Account>> {
    let directory = &session.world.directory;
    if let Some(group) = session.world.groups.get(to.user.as_str()) {
        return group.info().members.iter().filter_map(|member| directory.phone(&member.phone)).collect();
    }
    let mut state = session.account.state();
    state.status_audience.extend(pairwise.keys().map(|(phone, _)| phone.clone()));
    state.status_audience.iter().filter_map(|phone| directory.phone(phone)).collect()
}

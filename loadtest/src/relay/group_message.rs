//! Group and status messages: sender-key ciphertexts go to every device of every member.

use std::{collections::HashMap, sync::Arc};

use wacore_binary::{Jid, Node, NodeRef, Server};

use super::{deliver, message};
use crate::{
    phone::receive::{self, Inbound},
    session::device::Session,
    wire::nodes::{jid, text},
    world::account::Account,
};

/// Most ids of status messages remembered per account.
const MAX_STATUS_IDS: usize = 256;

/// The ack error of a message to a group: 404 unknown, 403 not a member, or not an admin where only admins
/// write. A reaction is allowed to every member.
pub(super) fn refusal(session: &Session, node: &NodeRef<'_>, to: &Jid) -> Option<u16> {
    if to.server != Server::Group {
        return None;
    }
    let Some(group) = session.world.groups.get(to.user.as_str()).map(|group| group.value().clone()) else {
        return Some(404);
    };
    let reaction = text(node, "type").is_some_and(|kind| kind == "reaction");
    let info = group.info();
    let allowed = info.may_send(&session.account.phone) || (reaction && info.has(&session.account.phone));
    (!allowed).then_some(403)
}

/// Relays a group or status message.
pub(super) fn relay(session: &Session, node: &NodeRef<'_>, to: &Jid) {
    let mut pairwise = pairwise(session, node);
    let shared: Vec<Node> = node.get_children_by_tag("enc").map(NodeRef::to_owned).collect();
    if let Some(participant) = jid(node, "participant") {
        // Sent again, to the one device that asked for it.
        let group = session.world.groups.get(to.user.as_str()).map(|group| group.value().clone());
        let account = session.world.directory.find(&participant);
        let member = |account: &Arc<Account>| group.is_none_or(|group| group.info().has(&account.phone));
        if let Some(account) = account.filter(member) {
            one(session, node, to, &account, participant.device, shared);
        }
        return;
    }
    // A status sent again names the devices that asked for it.
    let again = to.server == Server::Broadcast && !first_time(session, node);
    for account in audience(session, to, &pairwise) {
        let own = Arc::ptr_eq(&account, &session.account);
        for device in std::iter::once(0).chain(deliver::all_device_ids(&account)) {
            if own && device == session.device {
                continue;
            }
            let named = pairwise.remove(&(account.phone.clone(), device));
            if again && named.is_none() {
                continue;
            }
            let mut encs = named.unwrap_or_default();
            encs.extend(shared.iter().cloned());
            one(session, node, to, &account, device, encs);
        }
    }
}

/// Relays the ciphertexts `encs` to one device.
fn one(
    session: &Session,
    node: &NodeRef<'_>,
    to: &Jid,
    account: &Arc<Account>,
    device: u16,
    encs: Vec<Node>,
) {
    let inbound = Inbound {
        from: &session.account,
        device: session.device,
        group: Some(to.to_string()),
        chat: to.to_string(),
    };
    if receive::simulated(&session.world, account, device, &inbound, node, &encs) {
        return;
    }
    let sender = session.account.lid().with_device(session.device);
    let stanza = message::head(session, node)
        .attr("from", to)
        .attr("participant", sender)
        .attr("participant_pn", session.account.pn())
        .children(message::body(node, encs))
        .build();
    deliver::to_device(&session.world, account, device, stanza);
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

/// Whether the account has not sent a status with this id before.
fn first_time(session: &Session, node: &NodeRef<'_>) -> bool {
    let id = text(node, "id").unwrap_or_default();
    let mut state = session.account.state();
    if state.status_ids.iter().any(|known| *known == id) {
        return false;
    }
    state.status_ids.push_back(id.into_owned());
    if state.status_ids.len() > MAX_STATUS_IDS {
        state.status_ids.pop_front();
    }
    true
}

/// Members of the group, or everybody a status of this account ever had a participant entry for.
fn audience(session: &Session, to: &Jid, pairwise: &HashMap<(String, u16), Vec<Node>>) -> Vec<Arc<Account>> {
    let directory = &session.world.directory;
    let group = session.world.groups.get(to.user.as_str()).map(|group| group.value().clone());
    if let Some(group) = group {
        return group.info().members.iter().filter_map(|member| directory.phone(&member.phone)).collect();
    }
    let mut state = session.account.state();
    state.status_audience.extend(pairwise.keys().map(|(phone, _)| phone.clone()));
    state.status_audience.iter().filter_map(|phone| directory.phone(phone)).collect()
}

//! Namespace `encrypt`: upload, count, digest and rotation of a device's keys, and bundles of others.

use wacore::prekeys::compute_key_bundle_digest;
use wacore_binary::{Jid, Node, NodeRef};

use crate::{
    phone::{history, keyshare},
    relay::devices,
    session::device::Session,
    wire::nodes::{child_bytes, el, error, jid, leaf, result},
    world::{
        account::Account,
        device::{Bundle, KEY_TYPE, signed_node, three_bytes},
    },
};

/// Answers a query of the namespace.
pub(crate) fn handle(session: &Session, request: &NodeRef<'_>, set: bool) -> Node {
    let has = |tag: &str| request.get_optional_child(tag);
    match (set, has("key"), has("digest"), has("rotate")) {
        (false, Some(keys), ..) => bundles(session, request, keys),
        (false, _, Some(_), _) => digest(session, request),
        (false, ..) => count(session, request),
        (true, _, _, Some(rotate)) => self::rotate(session, request, rotate),
        (true, ..) => upload(session, request),
    }
}

/// Most one-time pre-keys kept per device; a client has at most some 800 of them uploaded.
const MAX_ONE_TIME: usize = 8_192;

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn upload(session: &Session, request: &NodeRef<'_>) -> Node {
    let keys = request.get_optional_child("list").map(|list| {
        list.get_children_by_tag("key")
            .map(|key| (number(&child_bytes(key, "id")), child_bytes(key, "value")))
            .collect::<Vec<_>>()
    });
    {
        let mut state = session.account.state();
        let Some(device) = state.devices.get_mut(&session.device) else {
            return error(request, 404, "item-not-found");
        };
        device.one_time.extend(keys.unwrap_or_default());
        let surplus = device.one_time.len().saturating_sub(MAX_ONE_TIME);
        device.one_time.drain(..surplus);
        set_signed(&mut device.keys, request);
    }
    session.world.touch();
    if keyshare::share(&session.world, &session.account, session.device) {
        history::share(&session.world, &session.account, session.device);
    }
    result(request).build()
}

fn set_signed(keys: &mut crate::world::device::Keys, parent: &NodeRef<'_>) {
    if let Some(signed) = parent.get_optional_child("skey") {
        keys.signed_id = number(&child_bytes(signed, "id"));
        keys.signed_public = child_bytes(signed, "value");
        keys.signed_signature = child_bytes(signed, "signature");
    }
}

fn rotate(session: &Session, request: &NodeRef<'_>, rotate: &NodeRef<'_>) -> Node {
    if let Some(device) = session.account.state().devices.get_mut(&session.device) {
        set_signed(&mut device.keys, rotate);
    }
    session.world.touch();
    result(request).build()
}

fn count(session: &Session, request: &NodeRef<'_>) -> Node {
    let left = session.account.state().devices.get(&session.device).map_or(0, |device| device.one_time.len());
    result(request).children([el("count").attr("value", left).build()]).build()
}

fn digest(session: &Session, request: &NodeRef<'_>) -> Node {
    let state = session.account.state();
    let Some(device) = state.devices.get(&session.device).filter(|device| !device.one_time.is_empty()) else {
        return error(request, 404, "item-not-found");
    };
    let publics: Vec<&[u8]> = device.one_time.iter().map(|(_, key)| key.as_slice()).collect();
    let keys = &device.keys;
    let hash =
        compute_key_bundle_digest(&keys.identity, &keys.signed_public, &keys.signed_signature, &publics);
    let ids = device.one_time.iter().map(|(id, _)| leaf("id", three_bytes(*id)));
    let digest = el("digest")
        .children([
            leaf("registration", keys.registration_id.to_be_bytes()),
            leaf("type", [KEY_TYPE]),
            leaf("identity", keys.identity.clone()),
            signed_node(keys.signed_id, &keys.signed_public, &keys.signed_signature),
            el("list").children(ids).build(),
            leaf("hash", hash),
        ])
        .build();
    result(request).children([digest]).build()
}

fn bundles(session: &Session, request: &NodeRef<'_>, keys: &NodeRef<'_>) -> Node {
    let users = keys.get_children_by_tag("user").filter_map(|user| jid(user, "jid")).map(|address| {
        let bundle =
            session.world.directory.find(&address).and_then(|account| take(session, &account, &address));
        match bundle {
            Some(bundle) => user_node(&address, &bundle),
            None => {
                let refusal = el("error").attr("code", 406).attr("text", "not-acceptable").build();
                el("user").attr("jid", &address).children([refusal]).build()
            }
        }
    });
    let users: Vec<Node> = users.collect();
    result(request).children([el("list").children(users).build()]).build()
}

/// Takes a bundle of the addressed device.
fn take(session: &Session, account: &Account, address: &Jid) -> Option<Bundle> {
    if address.device == 0 {
        return account.signal().bundle().ok();
    }
    devices::take_bundle(&session.world, account, address.device)
}

fn user_node(address: &Jid, bundle: &Bundle) -> Node {
    let mut children = vec![leaf("registration", bundle.registration_id.to_be_bytes())];
    children.extend(bundle.key_nodes());
    el("user").attr("jid", address).children(children).build()
}
